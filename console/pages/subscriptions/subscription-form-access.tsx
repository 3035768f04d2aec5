import { ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { Note } from '../../ui/note.tsx';
import { PairsField } from '../../ui/pairs-field.tsx';
import type { Draft } from './subscription-draft.ts';
import { Advanced, type PartProps } from './subscription-form-part.tsx';

const authChoices = {
  none: 'None',
  basic: 'User name and password (Basic)',
  bearer: 'Token (Bearer)',
  oauth2: 'OAuth 2.0 client credentials',
} as const;

function storedAuth({ stored }: PartProps): string {
  const auth = stored?.auth ?? null;
  if (auth === null) return 'Keep what is stored';
  return `Keep what is stored: ${auth.type}${auth.username === undefined ? '' : `, user ${auth.username}`}${
    auth.client_id === undefined ? '' : `, client ${auth.client_id}`
  }`;
}

function OauthFields({ draft, set, problem }: PartProps) {
  return (
    <div class="columns">
      <TextField
        label="Token address"
        type="url"
        value={draft.tokenUrl}
        onChange={(tokenUrl) => set({ tokenUrl })}
        faults={faultsAt(problem, 'auth.token_url')}
      />
      <TextField
        label="Client id"
        value={draft.clientId}
        onChange={(clientId) => set({ clientId })}
        faults={faultsAt(problem, 'auth.client_id')}
      />
      <TextField
        label="Client secret"
        type="password"
        value={draft.clientSecret}
        onChange={(clientSecret) => set({ clientSecret })}
        faults={faultsAt(problem, 'auth.client_secret')}
      />
      <TextField
        label="Scope"
        value={draft.scope}
        onChange={(scope) => set({ scope })}
        hint="Scopes, separated by one space. May be empty."
        faults={faultsAt(problem, 'auth.scope')}
      />
      <TextField
        label="Audience"
        value={draft.audience}
        onChange={(audience) => set({ audience })}
        hint="Auth0 and others require it. May be empty."
        faults={faultsAt(problem, 'auth.audience')}
      />
      <ChoiceField
        label="How the client says who it is"
        value={draft.authStyle}
        onChange={(authStyle) => set({ authStyle })}
        choices={{ basic: 'HTTP Basic', body: 'In the body' }}
        faults={faultsAt(problem, 'auth.auth_style')}
      />
    </div>
  );
}

function AuthFields(props: PartProps) {
  const { draft, set, problem } = props;
  switch (draft.authBy) {
    case 'basic':
      return (
        <div class="columns">
          <TextField
            label="User name"
            value={draft.username}
            onChange={(username) => set({ username })}
            faults={faultsAt(problem, 'auth.username')}
          />
          <TextField
            label="Password"
            type="password"
            value={draft.password}
            onChange={(password) => set({ password })}
            faults={faultsAt(problem, 'auth.password')}
          />
        </div>
      );
    case 'bearer':
      return (
        <TextField
          label="Token"
          type="password"
          value={draft.token}
          onChange={(token) => set({ token })}
          faults={faultsAt(problem, 'auth.token')}
        />
      );
    case 'oauth2':
      return <OauthFields {...props} />;
    default:
      return null;
  }
}

function HeaderFields({ draft, set, problem, stored }: PartProps) {
  const names = Object.keys(stored?.headers ?? {});
  return (
    <>
      {names.length === 0 ? null : (
        <ChoiceField
          label="Stored headers"
          value={draft.headersBy}
          onChange={(by) => set({ headersBy: by as Draft['headersBy'] })}
          choices={{ keep: `Keep ${names.join(', ')}`, new: 'Replace them all' }}
          hint="Their values are not shown."
        />
      )}
      {draft.headersBy === 'keep' ? null : (
        <PairsField
          label="Headers"
          isSecret
          pairs={draft.headers}
          onChange={(headers) => set({ headers })}
          hint="Sent with every request, such as an API key of the receiver. At most 20."
          faults={faultsAt(problem, 'headers')}
        />
      )}
    </>
  );
}

function CertificateFields({ draft, set, problem, stored }: PartProps) {
  const subject = stored?.client_certificate?.subject;
  const stay = subject === undefined ? {} : { keep: `Keep the stored one: ${subject}` };
  return (
    <>
      <ChoiceField
        label="Client certificate"
        value={draft.certificateBy}
        onChange={(by) => set({ certificateBy: by as Draft['certificateBy'] })}
        choices={{ ...stay, none: 'None', new: 'Give one (mutual TLS)' }}
      />
      {draft.certificateBy === 'new' ? (
        <div class="columns">
          <TextField
            label="Certificate and its chain"
            lines={4}
            value={draft.certificate}
            onChange={(certificate) => set({ certificate })}
            placeholder="-----BEGIN CERTIFICATE-----"
            faults={faultsAt(problem, 'client_certificate.certificate')}
          />
          <TextField
            label="Private key"
            lines={4}
            value={draft.privateKey}
            onChange={(privateKey) => set({ privateKey })}
            placeholder="-----BEGIN PRIVATE KEY-----"
            faults={faultsAt(problem, 'client_certificate.private_key')}
          />
        </div>
      ) : null}
    </>
  );
}

/** Whether stored credentials would go to a receiver that they were not meant for. The engine removes them then. */
function isMoved({ draft, stored }: PartProps): boolean {
  if (stored !== undefined && draft.sendsTo !== stored.destination.type) return true;
  if (stored === undefined || !URL.canParse(draft.url) || !URL.canParse(stored.url)) return false;
  return new URL(draft.url).origin !== new URL(stored.url).origin;
}

const members = ['auth', 'headers', 'client_certificate', 'signatures'];

/** How requests prove where they come from. */
export function AccessPart(props: PartProps) {
  const { draft, set, problem, stored } = props;
  const isKeeping = draft.authBy === 'keep' || draft.headersBy === 'keep' || draft.certificateBy === 'keep';
  return (
    <Advanced title="Authentication, headers and signatures" members={members} problem={problem}>
      {isKeeping && isMoved(props) ? (
        <Note tone="warn">
          The new address belongs to another server. Stored credentials and headers are removed when you save, because
          they were meant for the former one. Give them again here if the new server is to get them.
        </Note>
      ) : null}
      <ChoiceField
        label="Authentication"
        value={draft.authBy}
        onChange={(by) => set({ authBy: by as Draft['authBy'] })}
        choices={stored?.auth == null ? authChoices : { keep: storedAuth(props), ...authChoices }}
        faults={draft.authBy === 'none' || draft.authBy === 'keep' ? faultsAt(problem, 'auth') : []}
      />
      <AuthFields {...props} />
      <HeaderFields {...props} />
      <CertificateFields {...props} />
      <ChoiceField
        label="Signatures"
        value={draft.signatures}
        onChange={(signatures) => set({ signatures: signatures as Draft['signatures'] })}
        choices={{ v1: 'With a shared secret (v1)', both: 'With a secret and with a public key (v1 and v1a)' }}
        hint="With v1a, the receiver can verify requests without knowing a secret."
        faults={faultsAt(problem, 'signatures')}
      />
    </Advanced>
  );
}
