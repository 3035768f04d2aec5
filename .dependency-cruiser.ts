/**
 * The one-way import rules between the rooms (docs/internals/architecture.md, "Rooms").
 *
 * TypeScript 7 has no compiler API, so the parser is swc; it also tells imports of types from others.
 * dependency-cruiser may pass having read too little, so test/architecture/check-imports.ts, which runs
 * these rules, fails when a source file was not read.
 */

import type { DependencyType, IConfiguration } from 'dependency-cruiser';

const lambdas = (rooms: string) => `^lambdas/(${rooms})/`;
const engineReaders = '^lib/(cli|local/simulators|definitions)(/|\\.ts$)';
/** What composes adapters: each function's runtime, what two runtimes share, and what runs in a process of its own. */
const runtime =
  '^lambdas/functions/([^/]+/runtime|(sending|publishing|provider)/[a-z]+\\.runtime|invocation/(egress|spans)\\.runtime|[a-z-]+\\.child)\\.ts$';

/** Rooms of the engine in their order: each may import those before it. */
const engineRooms = [
  'template',
  'trace',
  'event',
  'records',
  'governance',
  'request',
  'feed',
  'expression',
  'provider',
  'mapping',
  'outbound',
  'verification',
  'account',
  'definition',
  'sync',
  'schema-versions',
  'shaping',
  'reception',
  'destination',
  'delivery',
  'signing',
  'endpoint-auth',
  'statistics',
  'access',
  'programs',
  'canary',
  'api',
];

/** Modules of Node and of npm, as opposed to files of this repository. */
const external: DependencyType[] = [
  'core',
  'npm',
  'npm-dev',
  'npm-optional',
  'npm-peer',
  'npm-no-pkg',
  'npm-unknown',
  'unknown',
];

export default {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'Two modules that need each other are one module, or lack a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphan',
      comment: 'Nothing imports it and it imports nothing: delete it or use it.',
      severity: 'error',
      // oxlint loads its plugin by path.
      from: { orphan: true, pathNot: ['\\.d\\.ts$', '^test/architecture/lint-purity\\.ts$'] },
      to: {},
    },
    {
      name: 'resolvable',
      comment: 'An import that does not resolve escapes every other rule.',
      severity: 'error',
      from: {},
      // `aws-lambda` is a package of types only.
      // `tributary` is this package, which exists once it is packed (test/package).
      to: { couldNotResolve: true, pathNot: '^(aws-lambda|tributary)$' },
    },
    {
      name: 'nothing-imports-test',
      severity: 'error',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
    {
      name: 'examples-apart',
      comment: 'An example uses the package `tributary` as any other app does; nothing here imports an example.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(bin|lib|lambdas|integrations|console|test)/' },
    },
    {
      name: 'nothing-imports-examples',
      severity: 'error',
      from: { pathNot: '^examples/' },
      to: { path: '^examples/' },
    },
    {
      name: 'nothing-imports-bin',
      comment: 'bin/ holds argv and process only.',
      severity: 'error',
      from: { pathNot: '^bin/' },
      to: { path: '^bin/' },
    },
    {
      name: 'bin-to-lib',
      comment: 'bin imports lib, nothing else of this repository.',
      severity: 'error',
      from: { path: '^bin/' },
      to: { path: '^(lambdas|integrations)/' },
    },
    {
      name: 'lib-to-contracts',
      comment:
        'lib shares contracts with the functions; the command line, the simulators and the compiler of definitions use the engine too.',
      severity: 'error',
      from: { path: '^lib/', pathNot: engineReaders },
      to: { path: '^(lambdas|integrations)/', pathNot: lambdas('contracts') },
    },
    {
      name: 'lib-to-engine',
      comment:
        'The command `call` makes calls with the provider client itself, and `bootstrap-key` writes to the tables of a deployment: with flows and adapters.',
      severity: 'error',
      from: { path: engineReaders, pathNot: '^lib/cli/(provider|deployed)/' },
      to: { path: '^(lambdas|integrations)/', pathNot: lambdas('contracts|engine') },
    },
    {
      name: 'runner-apart',
      comment: 'The runner starts the bundles of the cloud assembly, as Lambda does; it imports none of their code.',
      severity: 'error',
      from: { path: '^lib/local/' },
      to: { path: lambdas('functions|flows|adapters|ports') },
    },
    {
      name: 'console-apart',
      comment: "The console runs in browsers: it takes types of the API, and the engine's list of scopes.",
      severity: 'error',
      from: { path: '^console/' },
      to: {
        path: '^(lambdas|lib|bin|integrations)/',
        pathNot: lambdas('engine/access'),
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'nothing-imports-console',
      comment: 'Browsers load the console; nothing else does.',
      severity: 'error',
      from: { path: '^(lambdas|lib|bin)/' },
      to: { path: '^console/' },
    },
    {
      name: 'lambdas-apart',
      comment: 'What is deployed imports nothing of the infrastructure.',
      severity: 'error',
      from: { path: '^lambdas/' },
      to: { path: '^(lib|bin|integrations)/' },
    },
    {
      name: 'cdk-in-lib',
      comment: 'Only lib and bin declare infrastructure (tests may look at it).',
      severity: 'error',
      from: { pathNot: '^(lib|bin|test|examples)/' },
      to: { path: '(^|/)node_modules/(aws-cdk-lib|constructs|cdk-nag|aws-cdk)/' },
    },
    {
      name: 'deployed-from-dependencies',
      comment: 'What is deployed is bundled from dependencies, not from devDependencies.',
      severity: 'error',
      from: { path: '^lambdas/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'functions',
      comment:
        "functions import flows, ports, contracts, the engine's types, its schemas of what callers write, the API that it describes and the ids of traces; runtime.ts, which composes them, adapters and the engine.",
      severity: 'error',
      from: { path: '^lambdas/functions/', pathNot: runtime },
      to: {
        path: lambdas('engine'),
        pathNot: ['-schema\\.ts$', lambdas('engine/(api|access|trace)')],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'only-runtime-to-adapters',
      severity: 'error',
      from: { path: '^lambdas/', pathNot: [runtime, lambdas('adapters')] },
      to: { path: lambdas('adapters') },
    },
    {
      name: 'functions-apart',
      comment:
        'Functions share through flows, ports and contracts, and through the rooms `invocation`, `sending`, `publishing` and `provider`.',
      severity: 'error',
      from: { path: '^lambdas/functions/([^/]+)/' },
      to: {
        path: '^lambdas/functions/[^/]+/',
        pathNot: '^lambdas/functions/($1|invocation|sending|publishing|provider)/',
      },
    },
    {
      name: 'nothing-imports-functions',
      severity: 'error',
      from: { path: '^lambdas/', pathNot: '^lambdas/functions/' },
      to: { path: lambdas('functions') },
    },
    {
      name: 'flows',
      comment: 'A flow imports the engine, ports and contracts.',
      severity: 'error',
      from: { path: lambdas('flows') },
      to: { path: '^lambdas/', pathNot: lambdas('flows|engine|ports|contracts') },
    },
    {
      name: 'flows-io',
      comment: 'A flow does IO through ports only.',
      severity: 'error',
      from: { path: lambdas('flows') },
      to: { dependencyTypes: external, pathNot: '^(node:)?(crypto|buffer|net)$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'adapters',
      comment: "An adapter imports ports, contracts and the engine's types.",
      severity: 'error',
      from: { path: lambdas('adapters') },
      to: { path: '^lambdas/', pathNot: lambdas('adapters|ports|contracts|engine') },
    },
    {
      name: 'adapters-engine-types',
      severity: 'error',
      from: { path: lambdas('adapters') },
      to: { path: lambdas('engine'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'ports',
      comment: "A port imports contracts, and the engine's types.",
      severity: 'error',
      from: { path: lambdas('ports') },
      to: { path: '^lambdas/', pathNot: lambdas('ports|contracts|engine') },
    },
    {
      name: 'ports-engine-types',
      severity: 'error',
      from: { path: lambdas('ports') },
      to: { path: lambdas('engine'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'ports-external',
      comment: 'A port names no technology.',
      severity: 'error',
      from: { path: lambdas('ports') },
      to: { dependencyTypes: external },
    },
    {
      name: 'engine',
      comment: 'The engine imports itself and contracts.',
      severity: 'error',
      from: { path: lambdas('engine') },
      to: { path: '^lambdas/', pathNot: lambdas('engine|contracts') },
    },
    {
      name: 'engine-external',
      comment:
        "The engine's libraries are pure: jsonata, zod, yaml, ajv, croner, microdiff, jose, re2js, csv-parse, fast-xml-parser, http-link-header, oauth-1.0a, AWS' request signer, node:crypto, node:buffer, and the address lists of node:net.",
      severity: 'error',
      from: { path: lambdas('engine') },
      to: {
        dependencyTypes: external,
        pathNot: [
          '(^|/)node_modules/(jsonata|zod|yaml|ajv|croner|microdiff|jose|re2js|csv-parse|fast-xml-parser|http-link-header|oauth-1\\.0a|@smithy/signature-v4|@aws-crypto/sha256-js)/',
          '^(node:)?(crypto|buffer|net)$',
        ],
      },
    },
    {
      name: 'engine-rooms',
      comment: 'Each room of the engine has its place in `engineRooms`.',
      severity: 'error',
      from: {},
      to: { path: '^lambdas/engine/', pathNot: lambdas(`engine/(${engineRooms.join('|')})`) },
    },
    ...engineRooms.slice(0, -1).map((room, index) => ({
      name: `engine-order-${room}`,
      comment: `The room \`${room}\` of the engine imports none that comes after it in \`engineRooms\`.`,
      severity: 'error' as const,
      from: { path: `^lambdas/engine/${room}/` },
      to: { path: lambdas(`engine/(${engineRooms.slice(index + 1).join('|')})`) },
    })),
    {
      name: 'contracts',
      comment: 'contracts imports nothing but its own files.',
      severity: 'error',
      from: { path: lambdas('contracts') },
      to: { pathNot: lambdas('contracts') },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '(^|/)(cdk\\.out|\\.cache|__snapshots__)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.d.ts'],
    },
  },
} satisfies IConfiguration;
