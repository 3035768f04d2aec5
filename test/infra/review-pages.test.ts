import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { permissionReasons } from './permission-reasons.ts';
import { permissionsOf, table, withoutHash } from './review-tables.ts';
import { synthesize } from './synthesized-stage.ts';

/*
 * Pages that people review: they are held to the template of prod.
 */

const prod = synthesize('prod');
const permissions = permissionsOf(prod);
const isOwnLog = ({ role, resource }: { role: string; resource: string }) =>
  resource === `${role.replace(/Role$/, '')}Logs`;

function reasonOf(role: string, resource: string): string | undefined {
  if (isOwnLog({ role, resource })) return 'Writes its own log.';
  return permissionReasons[role]?.[resource] ?? permissionReasons['*']?.[resource];
}

test('every permission has a reason, and every reason a permission', () => {
  const unexplained = permissions.filter(({ role, resource }) => reasonOf(role, resource) === undefined);
  expect(unexplained, 'write why in permission-reasons.ts').toEqual([]);
  const reasons = Object.entries(permissionReasons).flatMap(([role, resources]) =>
    Object.keys(resources).map((resource) => [role, resource] as const),
  );
  const stale = reasons.filter(
    ([role, resource]) => !permissions.some((one) => one.resource === resource && (role === '*' || one.role === role)),
  );
  expect(stale, 'remove these from permission-reasons.ts').toEqual([]);
});

test('entries of the audit can be written, and neither read, changed nor deleted by any role', () => {
  expect(permissions.filter(({ resource }) => resource.startsWith('AuditArchiveBucket'))).toEqual([
    { role: 'ApiRole', resource: 'AuditArchiveBucket/*', actions: 's3:PutObject' },
  ]);
  const actions = permissions.filter(({ resource }) => resource.startsWith('AuditTable'));
  expect(actions.flatMap((one) => one.actions).filter((text) => /Delete|Update|BatchWrite/.test(text))).toEqual([]);
});

test('the page of permissions is that of the template', async () => {
  const byRole = [...Map.groupBy(permissions, ({ role }) => role)].sort(([one], [other]) => (one < other ? -1 : 1));
  const sections = byRole.map(([role, own]) => {
    const lines = own.map(
      ({ resource, actions }) => `| \`${resource}\` | ${actions} | ${reasonOf(role, resource) ?? ''} |`,
    );
    return `## ${role}\n\n${table(['resource', 'actions', 'why'], lines)}`;
  });
  const head = `# Permissions

What each role of the stack may do, in prod, and why. \`npx vitest run -u --project infra test/infra/review-pages.test.ts\` writes this page from the CloudFormation template and the reasons in \`test/infra/permission-reasons.ts\`; the test fails when they differ. Names are logical ids without their hash. The local runner [enforces the same permissions](../decisions/2026-11-22-runner-enforces-permissions.md).

No role may use all actions of a service, and none has a wildcard resource, except for the objects of a named bucket. Nothing can read or delete an entry of the audit's bucket.
`;
  await expect(`${head}\n${sections.join('\n')}`).toMatchFileSnapshot('../../docs/operate/permissions.md');
});

test('every store of the template is on the page about data use', () => {
  const page = readFileSync(new URL('../../docs/operate/data-use.md', import.meta.url), 'utf8');
  const isStore = /^AWS::(DynamoDB::Table|S3::Bucket|SQS::Queue|Logs::LogGroup|SNS::Topic|KMS::Key)$/;
  const stores = Object.entries(prod.resources)
    .filter(([, { Type }]) => isStore.test(Type))
    .map(([id]) => withoutHash(id));
  const named = [...page.matchAll(/^(?:### |\| )(`[^|]*`)/gm)]
    .flatMap(([, cell = '']) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
    .filter((name) => /(?:Table|Bucket|Queue|DeadLetters|Logs|Topic|Key)$/.test(name) && /^[A-Z]/.test(name));
  expect(new Set(named)).toEqual(new Set(stores));
});
