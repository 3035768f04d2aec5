/**
 * Headers of one connection, which no request or answer hands on.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.connection
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2
 */
export const connectionHeaders = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
] as const;
