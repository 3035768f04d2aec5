/**
 * Days for which an object may be kept that is not kept for as long as its bucket keeps all others: S3
 * deletes by rules that a bucket has from the start, so that an object is tagged with the rule it falls under.
 */
export const retentionClassesDays = [1, 3, 7, 14, 30, 60, 90, 180, 365] as const;

/** Tag of an object that names its class. */
export const retentionTag = 'retention-days';

/** The class that keeps an object for at least so many days; undefined where only the bucket itself does. */
export function retentionClassOf(days: number): number | undefined {
  return retentionClassesDays.find((classDays) => classDays >= days);
}
