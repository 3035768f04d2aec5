import type {
  BatchGetCallSpec,
  CallSpec,
  ChangesCallSpec,
  DeletionsCallSpec,
  GetCallSpec,
  ListCallSpec,
  WriteCallSpec,
} from '../provider/language/call-schema.ts';
import type { Definition } from './schema.ts';

/** What a call of a resource does. */
export const callMethods = ['get', 'batch_get', 'list', 'changes', 'deletions', 'create', 'update', 'delete'] as const;
export type CallMethod = (typeof callMethods)[number];

/** A call of a definition, and its place. */
export interface DeclaredCall {
  readonly path: readonly string[];
  /** `test`, `token` and `discover` are calls of accounts; the others are of resources. */
  readonly method: CallMethod | 'test' | 'token' | 'discover';
  /** The resource; undefined for calls of accounts. */
  readonly resource?: string;
  readonly spec:
    | CallSpec
    | GetCallSpec
    | BatchGetCallSpec
    | ListCallSpec
    | ChangesCallSpec
    | DeletionsCallSpec
    | WriteCallSpec;
}

/** Every call of a definition. */
export function callsOf({ api, resources }: Pick<Definition, 'api' | 'resources'>): readonly DeclaredCall[] {
  const { test, credentials } = api ?? {};
  const ofAccounts: readonly (DeclaredCall | undefined)[] = [
    test && { path: ['api', 'test', 'call'], method: 'test', spec: test.call },
    credentials?.session && {
      path: ['api', 'credentials', 'session', 'request'],
      method: 'token',
      spec: credentials.session.request,
    },
    credentials?.oauth2?.discover && {
      path: ['api', 'credentials', 'oauth2', 'discover', 'call'],
      method: 'discover',
      spec: credentials.oauth2.discover.call,
    },
  ];
  const ofResources = Object.entries(resources ?? {}).flatMap(([resource, spec]) =>
    callMethods.flatMap((method): DeclaredCall | readonly DeclaredCall[] => {
      const call = spec[method];
      return call === undefined ? [] : { path: ['resources', resource, method], method, resource, spec: call };
    }),
  );
  return [...ofAccounts.filter((call) => call !== undefined), ...ofResources];
}
