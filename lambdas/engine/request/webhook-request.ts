/** A provider's request as it was received. */
export interface WebhookRequest {
  readonly method: string;
  /** The public URL as the provider called it, query included: some schemes sign it. */
  readonly url: string;
  readonly path: string;
  /** Lower-case names; repeated headers joined by a comma, as API Gateway does. */
  readonly headers: Readonly<Record<string, string>>;
  /** Raw query string, without the question mark. */
  readonly query: string;
  readonly body: Buffer;
  /**
   * Address of the sender, as the gateway saw it; never a header, which the sender writes. Undefined where no gateway
   * received the request: in samples, files and the archive.
   */
  readonly sourceIp?: string;
}

/** Values by secret name; a list while a secret rotates. */
export type SecretValues = Readonly<Record<string, string | readonly string[]>>;
