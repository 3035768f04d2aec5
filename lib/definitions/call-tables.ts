import type { CallTransformName } from '../../lambdas/engine/provider/request/call-transforms.ts';
import { callSources } from '../../lambdas/engine/provider/request/call-values.ts';

interface Written {
  readonly written: string;
  readonly gives: string;
}

/** Transforms of calls by name; a new one must be described here. */
const transforms: Readonly<Record<CallTransformName, Written>> = {
  default: { written: "default('none')", gives: 'this text for a value that is unset' },
  join: { written: "join(',')", gives: 'the texts of a list as one text' },
  wrap: { written: 'wrap(id)', gives: 'each text of a list as an object, `{"id": …}`' },
  append: { written: "append('*')", gives: 'the text with this after it' },
  prepend: { written: "prepend(' WHERE ')", gives: 'the text with this before it' },
  replace: { written: 'replace(bill-, )', gives: 'each occurrence of the first replaced by the second' },
  part: { written: "part('/', 0)", gives: 'a part of the text between separators, counted from 0' },
  lower: { written: 'lower', gives: 'lower case' },
  upper: { written: 'upper', gives: 'upper case' },
  trim: { written: 'trim', gives: 'the text without white space at both ends' },
  text: { written: 'text', gives: 'a number as text; a list or an object as JSON' },
  number: { written: 'number', gives: 'a text of digits as a number' },
  quote: {
    written: 'quote(soql)',
    gives: 'a text as `soql`, `suiteql`, `jql`, `intuit`, `shopify`, `odata` or `graphql` quotes it',
  },
  iso: { written: 'iso', gives: 'a time as `2026-11-29T12:00:00.000Z`' },
  iso_s: { written: 'iso_s', gives: 'a time as `2026-11-29T12:00:00Z`' },
  date: { written: 'date', gives: 'its day in UTC, `2026-11-29`' },
  epoch_s: { written: 'epoch_s', gives: 'seconds since 1970' },
  epoch_ms: { written: 'epoch_ms', gives: 'milliseconds since 1970' },
  http_date: { written: 'http_date', gives: 'a time as `Sun, 29 Nov 2026 12:00:00 GMT`' },
  time: {
    written: "time('yyyy-MM-dd HH:mm:ss', Europe/Berlin)",
    gives: 'a time in a format of `yyyy`, `MM`, `dd`, `HH`, `mm`, `ss`, `SSS` and `XXX` (the offset); default: UTC',
  },
  earlier: { written: 'earlier(1s)', gives: 'a time before it, for a bound that leaves out its own second' },
  url_encode: { written: 'url_encode', gives: 'the text percent-encoded, where the place does not do that' },
  base64_encode: { written: 'base64_encode', gives: 'base64 with padding' },
  base64_decode: { written: 'base64_decode', gives: 'the text of base64 or base64url' },
  sha256: { written: 'sha256', gives: 'SHA-256 in hex' },
};

/** Every transform of calls, as a table in Markdown. */
export function callTransformTable(): readonly string[] {
  return [
    '| transform | gives |',
    '| --- | --- |',
    ...Object.values(transforms).map(({ written, gives }) => `| \`${written}\` | ${gives} |`),
  ];
}

/** Every source of calls, as a table in Markdown. */
export function callSourceTable(): readonly string[] {
  return [
    '| source | value |',
    '| --- | --- |',
    ...Object.values(callSources).map((text) => {
      const [, written = '', gives = ''] = /^(.*?`): (.*)$/.exec(text) ?? [];
      return `| ${written} | ${gives} |`;
    }),
  ];
}
