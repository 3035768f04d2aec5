import type { z } from 'zod';
import type { SecretValues } from '../request/webhook-request.ts';
import type { TemplateInput } from '../template/template.ts';
import type { PublicKeyType } from './keys/read-public-key.ts';
import type { KeyRing } from './keys/remote-keys.ts';
import type { Verdict } from './verdict.ts';

/** Data that a check reads in addition to the request. */
export interface CheckContext {
  readonly secrets: SecretValues;
  /** Fetched keys of providers. */
  readonly keys: KeyRing;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** A prepared check; all work that does not depend on the request is done. */
export type Check = (input: TemplateInput, context: CheckContext) => Verdict;

/**
 * The runtime side of a kind of check: the deployed functions run it.
 *
 * Each kind is one file of `checks/`, which also exports its {@link CheckAuthoring}. To add a kind, write its file and
 * add it to the lists of check-kinds.ts and check-authoring.ts.
 */
export interface CheckKind<Spec> {
  readonly prepare: (spec: Spec) => Check;
  /** Secrets that an account may hold for it although the definition does not declare them. @default none */
  readonly impliedSecrets?: (spec: Spec) => readonly string[];
  /**
   * Templates that read a credential, as opposed to a signature. Ingress removes credentials from the request after
   * the check.
   * @default none
   */
  readonly credentials?: (spec: Spec) => readonly string[];
  /** Describes the expected form of a secret; undefined if the value is usable. @default - any text is usable */
  readonly expectedSecret?: (spec: Spec, secret: string, value: string) => string | undefined;
}

/**
 * The authoring side of a kind of check: its schema, how to sign a sample, and how to explain a rejection. The
 * deployed functions load neither this side nor the schema library that it needs.
 */
export interface CheckAuthoring<Spec> {
  readonly schema: () => z.ZodType<Spec>;
  /** Create the proof of a sample request, as the provider would. */
  readonly proof: (spec: Spec, sample: SampleInput) => string;
  /** Where the request carries the proof. */
  readonly place: (spec: Spec) => ProofPlace;
  /** The secrets that the check uses as keys. */
  readonly keys: (spec: Spec) => readonly KeySecret[];
  /** The parts of a request that the check protects against a forger. */
  readonly protects: (spec: Spec) => ProtectedTemplates;
  /** Whether only the holder of a secret or private key can pass the check. @default true */
  readonly authenticates?: (spec: Spec) => boolean;
  /** The parts of the signature; absent if the check signs nothing. */
  readonly signed?: (spec: Spec) => SignedParts;
  /**
   * Common mistakes in a definition, to explain why a signature does not match. The explanation tries one alternative
   * alone, then two of different groups together.
   * @default none
   */
  readonly alternatives?: (spec: Spec, secrets: SecretValues) => readonly (readonly Alternative<Spec>[])[];
  /** The timestamp that it checks; absent if it checks none. */
  readonly time?: (spec: Spec) => { readonly timestamp: string; readonly unit: TimeUnit };
}

/** A secret that holds a key, and the form of the key. */
export interface KeySecret {
  readonly secret: string;
  readonly form:
    | { readonly kind: 'text' }
    | { readonly kind: 'bytes'; readonly encoding: 'hex' | 'base64'; readonly prefix: string }
    /** A public key; the provider signs with the private key. */
    | { readonly kind: 'pair'; readonly type: PublicKeyType };
}

export interface ProtectedTemplates {
  /** Templates of the signed parts. `items` is the source of the list that `{item.…}` refers to. */
  readonly signed: readonly { readonly template: string; readonly items?: string }[];
  /** Templates of the proofs: signatures and tokens. */
  readonly proofs: readonly string[];
  /** Separator of several proofs in one text. */
  readonly split?: string | undefined;
}

export type TimeUnit = 's' | 'ms' | 'iso8601';

/** The signed parts of a sample request, and the keys to sign it. */
export interface SampleInput {
  readonly input: TemplateInput;
  /** One value for each secret. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Private keys (PEM), by the name of the secret that holds the public key. */
  readonly privateKeys: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** @throws {TypeError} if the request lacks a part of the template. */
  readonly render: (template: string) => Buffer;
}

export interface ProofPlace {
  /** The template that reads the proof. */
  readonly template: string;
  /** Text before the proof in the header or parameter. @default none */
  readonly prefix?: string | undefined;
  /** Placeholder name in a sample file, `{{…}}`. @default - `signature` */
  readonly placeholder?: string;
}

/** The parts that determine a signature. */
export interface SignedParts {
  readonly algorithm: string;
  readonly encoding: 'hex' | 'base64' | 'base64url';
  /** Templates of the messages that may be signed. */
  readonly messages: readonly string[];
  /** Template that reads the signature. */
  readonly signature: string;
  readonly split: string | undefined;
  readonly prefix: string | undefined;
  /** Secret that holds the key; undefined where the message itself holds a secret. */
  readonly key: string | undefined;
}

export interface Alternative<Spec> {
  /** Completes the sentence "would match with …". */
  readonly name: string;
  /** Members of the specification that differ. @default none */
  readonly members?: Partial<Spec>;
  /** Secrets that differ. @default none */
  readonly secrets?: SecretValues;
}
