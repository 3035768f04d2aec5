import { createHash, createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SecretValues } from '../../../../../lambdas/engine/request/webhook-request.ts';
import { aRequest, faultsOf, prepare, receive, verified } from '../../reception/acme.ts';

const body = '{"id":1}';
const digest = (text: string) => createHash('sha256').update(text).digest('hex');
const spec = {
  algorithm: 'sha256',
  encoding: 'hex',
  message: '{secret.signing_secret}{method}{url}{body}',
  signature: '{header.X-Signature}',
};
const webhook = prepare({ verify: { digest: spec } });
const request = (key: string, text = body) =>
  aRequest(body, {
    headers: { 'x-signature': digest(`${key}POSThttps://hooks.example.com/in/acme/acc_1${text}`) },
  });

test('a secret in the message turns a digest into a signature', () => {
  expect(receive(webhook, request('one'), { signing_secret: 'one' })).toEqual(verified);
});

test('each current value of the secret verifies a digest', () => {
  for (const key of ['one', 'two', 'three'])
    expect(receive(webhook, request(key), { signing_secret: ['one', 'two', 'three'] })).toEqual(verified);
  expect(receive(webhook, request('four'), { signing_secret: ['one', 'two', 'three'] })).toMatchObject({
    reason: 'signature-mismatch',
  });
});

test('each combination of two rotating secrets verifies a digest', () => {
  const pair = prepare({
    verify: { digest: { ...spec, message: '{secret.client_id}:{secret.signing_secret}:{body}' } },
  });
  const secrets = { client_id: ['a', 'b'], signing_secret: ['c', 'd'] };
  const receivePair = (text: string) =>
    receive(pair, aRequest(body, { headers: { 'x-signature': digest(text) } }), secrets);
  for (const names of ['a:c', 'a:d', 'b:c', 'b:d']) expect(receivePair(`${names}:${body}`)).toEqual(verified);
  for (const names of ['c:a', 'a:a', ':c', 'a:']) expect(receivePair(`${names}:${body}`).kind).toBe('rejected');
});

test.each<[string, SecretValues, string]>([
  ['the secret is wrong', { signing_secret: 'two' }, 'signature-mismatch'],
  ['the secret is missing', {}, 'secret-not-configured'],
  ['the secret is empty', { signing_secret: '' }, 'secret-not-configured'],
  ['the secret has no value', { signing_secret: ['', ''] }, 'secret-not-configured'],
])('fails when %s', (_name, secrets, reason) => {
  expect(receive(webhook, request('one'), secrets)).toMatchObject({ kind: 'rejected', reason });
  expect(receive(webhook, request(''), secrets)).toMatchObject({ kind: 'rejected', reason });
});

test('fails when the method, the URL or the body differs', () => {
  const secrets = { signing_secret: 'one' };
  const signed = request('one');
  for (const change of [{ method: 'PUT' }, { url: `${signed.url}?a=1` }, { body: Buffer.from('{"id":2}') }])
    expect(receive(webhook, { ...signed, ...change }, secrets)).toMatchObject({ reason: 'signature-mismatch' });
});

test('a MAC in the message uses each value of its secret, and never an empty key', () => {
  const nested = prepare({ verify: { digest: { ...spec, message: '{body | hmac_sha256(signing_secret)}' } } });
  const signedWith = (key: string) =>
    aRequest(body, { headers: { 'x-signature': digest(createHmac('sha256', key).update(body).digest('hex')) } });
  const rotated = { signing_secret: ['one', 'two'] };
  for (const key of ['one', 'two']) expect(receive(nested, signedWith(key), rotated)).toEqual(verified);
  expect(receive(nested, signedWith(''), rotated)).toMatchObject({ reason: 'signature-mismatch' });
  expect(receive(nested, signedWith(''), {})).toMatchObject({ reason: 'secret-not-configured' });
});

test('fails as a definition when nothing in it is secret', () => {
  expect(faultsOf({ verify: { digest: { ...spec, message: '{body}' } } })).toEqual([
    expect.stringContaining('got checks that anyone can pass'),
  ]);
});
