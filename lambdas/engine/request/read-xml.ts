import { XMLParser, XMLValidator } from 'fast-xml-parser';

/**
 * Elements become members, attributes become members with `@`, repeated elements become a list. Entities of XML and of HTML
 * and numbers of characters are decoded; without a document type there are no others.
 */
const xml = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseTagValue: false,
  processEntities: true,
  htmlEntities: true,
});

/**
 * Read XML, of bounded depth, without a document type.
 *
 * @throws {SyntaxError} if it is not well-formed or has a document type.
 */
export function readXml(text: string): unknown {
  // A document type can declare entities that expand to a huge document.
  if (/<!DOCTYPE/i.test(text)) throw new SyntaxError('a document type is not allowed');
  if (XMLValidator.validate(text) !== true) throw new SyntaxError('not well-formed');
  return xml.parse(text);
}
