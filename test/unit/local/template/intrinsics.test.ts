import { expect, test } from 'vitest';
import { type IntrinsicScope, resolveIntrinsics, TemplateFault } from '../../../../lib/local/template/intrinsics.ts';

const scope: IntrinsicScope = {
  ref: (name) => (name === 'Missing' ? fault(name) : `ref:${name}`),
  attribute: (logicalId, attribute) => `${logicalId}!${attribute}`,
  condition: (name) => name === 'Yes',
};

function fault(name: string): never {
  throw new TemplateFault(`no ${name}`);
}

test.each([
  ['a plain value unchanged', { a: [1, 'x', null, true] }, { a: [1, 'x', null, true] }],
  ['Ref', { Ref: 'Queue' }, 'ref:Queue'],
  ['Fn::GetAtt as list', { 'Fn::GetAtt': ['Queue', 'Arn'] }, 'Queue!Arn'],
  ['Fn::GetAtt as text with a dotted attribute', { 'Fn::GetAtt': 'Stack.Outputs.X' }, 'Stack!Outputs.X'],
  ['Fn::Join over intrinsics', { 'Fn::Join': ['-', ['a', { Ref: 'B' }, 3]] }, 'a-ref:B-3'],
  ['Fn::Sub of names and attributes', { 'Fn::Sub': '${A}/${B.Arn}/${!Literal}' }, 'ref:A/B!Arn/${Literal}'],
  ['Fn::Sub with own variables', { 'Fn::Sub': ['${X}${AWS::Region}', { X: { Ref: 'Y' } }] }, 'ref:Yref:AWS::Region'],
  ['Fn::Select and Fn::Split', { 'Fn::Select': ['1', { 'Fn::Split': [':', 'a:b:c'] }] }, 'b'],
  ['Fn::If', { 'Fn::If': ['No', 1, { Ref: 'Z' }] }, 'ref:Z'],
  [
    'AWS::NoValue in objects and lists',
    { a: { Ref: 'AWS::NoValue' }, b: [{ 'Fn::If': ['Yes', { Ref: 'AWS::NoValue' }, 1] }, 2] },
    { b: [2] },
  ],
  [
    'objects of one key that is no function',
    { Variables: { Reference: { Ref: 'A' } } },
    { Variables: { Reference: 'ref:A' } },
  ],
])('resolves %s', (_name, value, expected) => {
  expect(resolveIntrinsics(value, scope)).toEqual(expected);
});

test.each([
  ['the function is unknown', { 'Fn::ImportValue': 'x' }, /Fn::ImportValue is not understood/],
  ['a reference leads nowhere', { Ref: 'Missing' }, /no Missing/],
  ['an index is outside the list', { 'Fn::Select': [5, ['a']] }, /an index inside the list/],
  ['an expected list is another value', { 'Fn::Join': ['-', 'a'] }, /expected a list in Fn::Join/],
])('fails when %s', (_name, value, message) => {
  expect(() => resolveIntrinsics(value, scope)).toThrow(message);
});
