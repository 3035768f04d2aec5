import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** Elements become members, attributes members with `@`, and repeated elements a list. Entities stay as they are. */
const xml = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseTagValue: false,
  processEntities: false,
});

/**
 * Read XML, of bounded depth, without a document type.
 *
 * @throws {SyntaxError} where it is not well-formed.
 */
export function readXml(text: string): unknown {
  // A document type declares entities, which is what a hostile document grows by.
  if (/<!DOCTYPE/i.test(text)) throw new SyntaxError('a document type is not taken');
  if (XMLValidator.validate(text) !== true) throw new SyntaxError('not well-formed');
  return xml.parse(text);
}
