/**
 * Retentions of objects that are deleted before their bucket's general retention. S3 deletes by lifecycle rules, which
 * the stack defines once, so an object's tag names the rule that applies to it.
 */
export const retentionClassesDays = [1, 3, 7, 14, 30, 60, 90, 180, 365] as const;

/** Object tag that names the retention class. */
export const retentionTag = 'retention-days';

/**
 * The shortest class that keeps an object for at least `days`; undefined where only the bucket's own retention does.
 */
export function retentionClassOf(days: number): number | undefined {
  return retentionClassesDays.find((classDays) => classDays >= days);
}
