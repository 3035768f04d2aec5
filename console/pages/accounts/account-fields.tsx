import type { ApiProblem } from '../../engine-client.ts';
import { CheckField, ChoiceField, faultsAt, TextField } from '../../ui/field.tsx';
import { isConsent, objectOf } from './account-draft.ts';
import type { Integration } from './account-status.tsx';

type Texts = Readonly<Record<string, string>>;

interface ContextFieldsProps {
  readonly integration: Integration;
  readonly typed: Texts;
  readonly others: string;
  readonly onType: (typed: Texts) => void;
  readonly onOthers: (text: string) => void;
  readonly problem: ApiProblem | undefined;
}

/** The values by which the provider knows the account. */
export function ContextFields({ integration, typed, others, onType, onOthers, problem }: ContextFieldsProps) {
  const { context, title, serves_all_accounts: isShared } = integration;
  return (
    <fieldset>
      <legend>How {title} knows the account</legend>
      {context.map(({ name, help, required, list, default: usual, pattern }) => (
        <TextField
          key={name}
          label={required ? name : `${name} (optional)`}
          value={typed[name] ?? ''}
          onChange={(text) => onType({ ...typed, [name]: text })}
          lines={list ? 3 : 1}
          placeholder={usual ?? ''}
          hint={
            <>
              {help}
              {list ? ' One on each line.' : null}
              {usual === null ? null : ` Without it: ${usual}.`}
              {pattern === null ? null : (
                <>
                  {' '}
                  Form: <code>{pattern}</code>
                </>
              )}
            </>
          }
          faults={faultsAt(problem, `context.${name}`)}
        />
      ))}
      <details open={context.length === 0 || others !== ''}>
        <summary>More values</summary>
        <TextField
          label="More values, as JSON"
          value={others}
          onChange={onOthers}
          lines={3}
          placeholder='{"portal_id": "62515"}'
          hint={
            isShared
              ? `${title} can send all accounts to one URL. Then one of these values tells whose request it is: the page of the integration says which.`
              : 'Values of your own that mappings read.'
          }
          faults={
            objectOf(others) === undefined
              ? ['Expected a JSON object, such as {"portal_id": "62515"}.']
              : faultsOfMore(problem, context)
          }
        />
      </details>
    </fieldset>
  );
}

/** Faults of the context that stand beside no field of their own. */
function faultsOfMore(problem: ApiProblem | undefined, context: Integration['context']): readonly string[] {
  return faultsAt(problem, 'context').filter((fault) => !context.some(({ name }) => fault.startsWith(`${name}: `)));
}

interface SecretFieldsProps {
  readonly integration: Integration;
  readonly secrets: Texts;
  readonly captured: readonly string[];
  readonly onSecrets: (secrets: Texts) => void;
  readonly onCaptured: (captured: readonly string[]) => void;
  readonly problem: ApiProblem | undefined;
  /** Names that the account has already. */
  readonly stored?: readonly string[];
}

/** The secrets that verify webhooks. The provider shows them, or sends them in its handshake. */
export function SecretFields(props: SecretFieldsProps) {
  const { integration, secrets, captured, onSecrets, onCaptured, problem, stored = [] } = props;
  const names = Object.entries(integration.secrets);
  if (names.length === 0) return null;
  return (
    <fieldset>
      <legend>Secrets of the webhooks</legend>
      {names.map(([name, help]) => (
        <div key={name} class="form">
          {captured.includes(name) ? null : (
            <SecretText
              label={stored.includes(name) ? `${name} (stored; empty leaves it)` : name}
              help={help}
              value={secrets[name] ?? ''}
              onChange={(text) => onSecrets({ ...secrets, [name]: text })}
              faults={faultsAt(problem, `secrets.${name}`)}
            />
          )}
          {integration.captured_secrets.includes(name) ? (
            <CheckField
              label={`Take ${name} from the handshake of ${integration.title}`}
              hint="The account waits 24 hours for it. Enter the webhook URL at the provider in that time."
              isChecked={captured.includes(name)}
              onChange={(isTaken) =>
                onCaptured(isTaken ? [...captured, name] : captured.filter((other) => other !== name))
              }
            />
          ) : null}
        </div>
      ))}
    </fieldset>
  );
}

interface SecretTextProps {
  readonly label: string;
  readonly help: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly faults: readonly string[];
  readonly isRequired?: boolean;
}

/** A secret. Keys and certificates have lines, which a field for passwords would join. */
function SecretText({ label, help, value, onChange, faults, isRequired = false }: SecretTextProps) {
  const hasLines = /private_key|certificate|public key|\bPEM\b/i.test(`${label} ${help}`);
  return (
    <TextField
      label={label}
      hint={help}
      value={value}
      onChange={onChange}
      faults={faults}
      isRequired={isRequired}
      {...(hasLines ? { lines: 5 } : { type: 'password' as const })}
    />
  );
}

const kindNames: Readonly<Record<string, string>> = {
  api_key: 'API key',
  basic: 'User name and password',
  bearer: 'Token',
  oauth2: 'Consent at the provider (OAuth 2.0)',
  oauth2_client_credentials: 'Client of your own (OAuth 2.0 client credentials)',
  oauth2_jwt_bearer: 'Private key (OAuth 2.0 with a signed token)',
  oauth1: 'OAuth 1.0a',
  session: 'Login',
  aws_sigv4: 'AWS access key',
};

export function kindName(kind: string): string {
  return kindNames[kind] ?? kind;
}

interface CredentialFieldsProps {
  readonly integration: Integration;
  readonly kind: string;
  readonly members: Texts;
  readonly onKind: (kind: string) => void;
  readonly onMembers: (members: Texts) => void;
  readonly problem: ApiProblem | undefined;
  /** Whether one may go on without credentials. @default true */
  readonly isOptional?: boolean;
}

/** Credentials for the provider's API: fields by kind. */
export function CredentialFields(props: CredentialFieldsProps) {
  const { integration, kind, members, onKind, onMembers, problem, isOptional = true } = props;
  const { credentials, title } = integration;
  const chosen = credentials.find(({ type }) => type === kind);
  if (credentials.length === 0) return null;
  const fields = (chosen?.members ?? []).map(({ name, help, required, default: usual }) => (
    <SecretText
      key={name}
      label={required ? name : `${name} (optional)`}
      help={usual === null ? help : `${help} Without it: ${usual}.`}
      value={members[name] ?? ''}
      onChange={(text) => onMembers({ ...members, [name]: text })}
      faults={faultsAt(problem, `credentials.${name}`)}
      isRequired={required && chosen?.connect === false && usual === null}
    />
  ));
  return (
    <fieldset>
      <legend>Credentials for the API of {title}</legend>
      <ChoiceField
        label="Kind"
        value={kind}
        choices={{
          ...Object.fromEntries(credentials.map(({ type }) => [type, kindName(type)])),
          ...(isOptional ? { '': 'None for now' } : {}),
        }}
        onChange={onKind}
        hint="They are tried before they are stored, and never shown again."
        faults={faultsAt(problem, 'credentials.type')}
      />
      {chosen === undefined ? (
        <p class="quiet">Without credentials, webhooks are accepted, but nothing is read from {title}.</p>
      ) : null}
      {chosen?.connect === true ? (
        <>
          {isConsent(integration, kind, members) ? (
            <p>Nothing to type: the owner of the account consents at {title} afterwards.</p>
          ) : null}
          <details>
            <summary>Tokens that were issued elsewhere</summary>
            <div class="form">{fields}</div>
          </details>
        </>
      ) : (
        fields
      )}
      {chosen === undefined || chosen.scopes.length === 0 ? null : (
        <p class="quiet">
          Needs at {title}: {chosen.scopes.join(', ')}
        </p>
      )}
    </fieldset>
  );
}
