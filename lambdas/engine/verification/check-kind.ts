import type { z } from 'zod';
import type { SecretValues } from '../request/webhook-request.ts';
import type { TemplateInput } from '../template/template.ts';
import type { PublicKeyType } from './keys/read-public-key.ts';
import type { KeyRing } from './keys/remote-keys.ts';
import type { Verdict } from './verdict.ts';

/** What a check reads besides the request. */
export interface CheckContext {
  readonly secrets: SecretValues;
  /** Fetched keys of providers. */
  readonly keys: KeyRing;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** A prepared check: everything that does not depend on the request is done. */
export type Check = (input: TemplateInput, context: CheckContext) => Verdict;

/**
 * A kind of check of the definition language, as the deployed functions run it.
 *
 * Each kind is one file of `checks/`, which also exports its {@link CheckAuthoring}. To add a kind, write its file and
 * add it to the lists of check-kinds.ts and check-authoring.ts.
 */
export interface CheckKind<Spec> {
  readonly prepare: (spec: Spec) => Check;
  /** Secrets that an account may keep for it although the definition does not declare them. @default none */
  readonly impliedSecrets?: (spec: Spec) => readonly string[];
  /**
   * Templates that read a credential itself, which is removed from the request after the check, as opposed to a
   * signature.
   * @default none
   */
  readonly credentials?: (spec: Spec) => readonly string[];
  /** What a secret should be, where this value of it cannot be used. @default - any text can be used */
  readonly expectedSecret?: (spec: Spec, secret: string, value: string) => string | undefined;
}

/**
 * A kind of check as the author of a definition meets it: what may be written, how a sample is signed, and what
 * explains a rejection. The deployed functions never load it, nor the schema library that it needs.
 */
export interface CheckAuthoring<Spec> {
  readonly schema: () => z.ZodType<Spec>;
  /** How a provider would prove a sample request. */
  readonly proof: (spec: Spec, sample: SampleInput) => string;
  /** Where the proof goes. */
  readonly place: (spec: Spec) => ProofPlace;
  /** The secrets that it uses as keys. */
  readonly keys: (spec: Spec) => readonly KeySecret[];
  /** The parts of a request that a forger would have to change. */
  readonly protects: (spec: Spec) => ProtectedTemplates;
  /** Whether only the holder of a secret or of a private key passes it. @default true */
  readonly authenticates?: (spec: Spec) => boolean;
  /** What it signs; absent where it signs nothing. */
  readonly signed?: (spec: Spec) => SignedParts;
  /**
   * What authors often mean instead, to explain why a signature does not match. Of each group one may hold, and those
   * of different groups together.
   * @default none
   */
  readonly alternatives?: (spec: Spec, secrets: SecretValues) => readonly (readonly Alternative<Spec>[])[];
  /** The time that it checks; absent where it checks none. */
  readonly time?: (spec: Spec) => { readonly timestamp: string; readonly unit: TimeUnit };
}

/** A secret that is a key, and how it is written. */
export interface KeySecret {
  readonly secret: string;
  readonly form:
    | { readonly kind: 'text' }
    | { readonly kind: 'bytes'; readonly encoding: 'hex' | 'base64'; readonly prefix: string }
    /** A public key; its owner signs with the private one. */
    | { readonly kind: 'pair'; readonly type: PublicKeyType };
}

export interface ProtectedTemplates {
  /** What is signed. `items` is the source of the list to which an `{item.…}` belongs. */
  readonly signed: readonly { readonly template: string; readonly items?: string }[];
  /** What proves: signatures and tokens. */
  readonly proofs: readonly string[];
  /** What separates several proofs in one text. */
  readonly split?: string | undefined;
}

export type TimeUnit = 's' | 'ms' | 'iso8601';

/** A sample request as far as it is signed, and what signs it. */
export interface SampleInput {
  readonly input: TemplateInput;
  /** One value for each secret. */
  readonly secrets: Readonly<Record<string, string>>;
  /** By the secret that holds the public key: the private key (PEM) that belongs to it. */
  readonly privateKeys: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** @throws {TypeError} where the request lacks a part of the template. */
  readonly render: (template: string) => Buffer;
}

export interface ProofPlace {
  /** The template that reads the proof. */
  readonly template: string;
  /** Text that a header or parameter has before it. @default none */
  readonly prefix?: string | undefined;
  /** Placeholder of its own in a sample, `{{…}}`; a signature's is `{{signature}}`. @default - that of a signature */
  readonly placeholder?: string;
}

/** What a signature is made of. */
export interface SignedParts {
  readonly algorithm: string;
  readonly encoding: 'hex' | 'base64' | 'base64url';
  /** Templates of which any may be the signed message. */
  readonly messages: readonly string[];
  /** Template that reads the signature. */
  readonly signature: string;
  readonly split: string | undefined;
  readonly prefix: string | undefined;
  /** Secret that holds the key; undefined where the message itself holds a secret. */
  readonly key: string | undefined;
}

export interface Alternative<Spec> {
  /** Read after "would match with". */
  readonly name: string;
  /** Members of the specification that are different. @default none */
  readonly members?: Partial<Spec>;
  /** Secrets that are different. @default none */
  readonly secrets?: SecretValues;
}
