import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deliveryId, readDeliveryId } from '../../../../../lambdas/functions/api/views/delivery-id.ts';

const idOf = (first: string, maxLength: number) =>
  fc.stringMatching(new RegExp(`^${first}[A-Za-z0-9_-]{1,${maxLength}}$`)).filter((text) => text.length <= maxLength);
const key = fc.record({
  subscription: idOf('[A-Za-z0-9]', 127),
  timestamp: fc
    .date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  event: idOf('[a-z]', 60),
});

test('a delivery id fits into a path and yields the key of its delivery (property)', () => {
  fc.assert(
    fc.property(key, (delivery) => {
      const id = deliveryId(delivery);
      expect(id).toMatch(/^[\w-]{1,256}$/);
      expect(readDeliveryId(id)).toEqual(delivery);
    }),
  );
});

test('no two deliveries share an id (property)', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b));
      expect(deliveryId(a)).not.toBe(deliveryId(b));
    }),
  );
});

test('any other text is no delivery id, and reading it never throws (property)', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const found = readDeliveryId(text) ?? readDeliveryId(`dlv_${text}`);
      expect(found === undefined || deliveryId(found) === `dlv_${text}`).toBe(true);
    }),
  );
});
