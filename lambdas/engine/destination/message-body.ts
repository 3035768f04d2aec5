/**
 * Escape the characters of a JSON text that SQS rejects: U+FFFE and U+FFFF. They occur only within strings, so the text
 * stays the same value.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
export function escapeNoncharacters(json: string): string {
  return json.replace(/[\uFFFE\uFFFF]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
}
