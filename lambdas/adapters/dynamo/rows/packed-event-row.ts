import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { EngineError } from '../../../contracts/engine-error.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import { itemBytes, type Row } from './row-codecs.ts';

/** Size of one write unit. @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html */
const writeUnitBytes = 1_024;
/** Attributes that queries name, that describe the row itself, or that are bytes already: they are never packed. */
const plainAttributes: ReadonlySet<string> = new Set([
  'tenant',
  'sequence',
  'id',
  'writtenAtMs',
  'trace',
  ttlAttribute,
]);

/** Fields of the canonical resources, frequent ones last: a shorter distance takes fewer bits in deflate. */
const fieldNames = `
amount_paid amount_received amount_refunded amount_total answers applied_at archive_reason archived_at
arrives_at avatar_url billed_at body booked_date branch by cancel_at_period_end cancellation candidate
category channel clicked_url commit companies completed completed_at connection content_type counterparty
current_period_end current_period_start days deal default_branch departments direction directory done draft
due_at duration_minutes edited_at email_verified employee employee_count employee_number employment_type
end_date ended_at ends_at environment failure_reason field fields files form from fulfillment_status full_name
hidden hire_date hosts hours image_url inbound industry invitee invoice_number invoices is_follower is_member
is_prospect is_public issue_date item jobs kind locale manager merged_at method mobile_phone next_billed_at
no_show offices opened_at organization outbound partial payment_date payment_status personal_email phones
pipeline pull_request recruiter ref rejected_at rejection_reason reply_to requisition_id rescheduled score
sender sha1 signed_at signers source_branch start_date starts_at status_reason status_type subject
submitted_at target_branch termination_date text thread_id ticket to urgency username variants visibility
void_reason voided_at website work_email work_phone account amount_due amount_tax archived balance canceled_at
code department emails error expires_at external_id is_bot labels mime_type modifier parent payment
payment_method price priority product recipient repository sent_at source stage started_at tags tax_number
address assignees author contact items location message note quantity role size timezone vendor company_name
due_date order reference sku subscription value closed_at collection company creator key reason active phone
customer first_name last_name owner number updated_fields title type amount currency description handle status
email created_at updated_at custom_fields remote url name id
`;

/**
 * Preset dictionary of the compression: an event is too short to repeat itself often. Stored rows were packed with this
 * dictionary, so it never changes; a better dictionary gets another number.
 */
const dictionary = Buffer.from(
  [
    ...fieldNames
      .trim()
      .split(/\s+/)
      .map((name) => `,"${name}":"`),
    '":true,"":false,"":[],"":{"id":"","name":"","url":"https://www.example.com/","":null,"',
    '"schema_version":"1.0.0","origin":"reconcile","origin":"backfill","origin":"poll","origin":"webhook",',
    '"resource":"","record_id":"","raw_event_type":"","occurred_at":"2026-01-01T00:00:00.000Z","thin":true,',
    '"type":"record:deleted","type":"record:created","type":"record:updated","timestamp":"2026-01-01T00:00:00.000Z",',
    '"account":"acc_","integration":"","tenant":""}\n{"id":"',
  ].join(''),
);
const dictionaryNumber = 1;
const packing = { dictionary };

/**
 * An event's row as it is stored: packed where that takes fewer write units, by which DynamoDB charges. A row that fits
 * into one unit stays plain.
 *
 * The data of a packed row is bytes instead of text: the number of the dictionary, then, compressed (raw deflate), the
 * other attributes as JSON, a line feed, and the data. A reader that expects text fails, and delivers nothing.
 */
export function packEventRow(row: Row): Row {
  const units = writeUnits(row);
  if (units === 1) return row;
  const { inlineData, dataBytes: _, ...attributes } = row;
  if (typeof inlineData !== 'string') return row;
  const [plain, rest] = [true, false].map((isPlain) =>
    Object.fromEntries(Object.entries(attributes).filter(([name]) => plainAttributes.has(name) === isPlain)),
  ) as [Row, Row];
  const text = `${JSON.stringify(rest)}\n${inlineData}`;
  const bytes = Buffer.concat([Buffer.of(dictionaryNumber), deflateRawSync(text, packing)]);
  const packed = { ...plain, inlineData: bytes };
  return writeUnits(packed) < units ? packed : row;
}

/**
 * Like {@link unpackEventRow}, for rows that are read in a batch: an unreadable row carries the reason in `unreadable`
 * instead of failing the batch. Values that match no filter replace what it lacks.
 */
export function readEventRow(row: Row): Row {
  try {
    return unpackEventRow(row);
  } catch (error) {
    const unreadable = error instanceof EngineError ? error.message : `event ${String(row['id'])} cannot be unpacked`;
    const { inlineData: _, ...plain } = row;
    const unknown = 'unreadable';
    return {
      type: unknown,
      timestamp: new Date(Number(row['writtenAtMs'] ?? 0)).toISOString(),
      account: unknown,
      integration: unknown,
      resource: unknown,
      record_id: unknown,
      ...plain,
      dataBytes: 0,
      unreadable,
    };
  }
}

/** @throws {corrupt-state} when the row is packed with a dictionary that this version does not know. */
export function unpackEventRow(row: Row): Row {
  const { inlineData: bytes, ...plain } = row;
  if (!(bytes instanceof Uint8Array)) return row;
  if (bytes[0] !== dictionaryNumber)
    throw new EngineError('corrupt-state', `event ${String(row['id'])} is packed with an unknown dictionary`, {
      retryable: false,
    });
  const text = inflateRawSync(bytes.subarray(1), packing).toString();
  const end = text.indexOf('\n');
  const inlineData = text.slice(end + 1);
  const attributes = JSON.parse(text.slice(0, end)) as Row;
  return { ...plain, ...attributes, inlineData, dataBytes: Buffer.byteLength(inlineData) };
}

function writeUnits(row: Row): number {
  return Math.max(1, Math.ceil(itemBytes(row) / writeUnitBytes));
}
