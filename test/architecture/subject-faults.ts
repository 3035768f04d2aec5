/** Longest subject that `git log --oneline` and web pages show completely. */
const maxCharacters = 72;

/** Base forms of verbs that look like other forms. */
const exceptions: ReadonlySet<string> = new Set([
  'Bring',
  'Embed',
  'Exceed',
  'Feed',
  'Focus',
  'Need',
  'Proceed',
  'Seed',
  'Shed',
  'Speed',
]);

/** The faults of a commit's subject, which must say in the imperative what the commit does. */
export function subjectFaults(subject: string): readonly string[] {
  const [first = ''] = subject.split(' ');
  const isImperative =
    exceptions.has(first) ||
    (/^[A-Z][a-z-]+,?$/.test(first) && !/(ed|ing|[^s]s)$/.test(first) && subject.includes(' '));
  return [
    ...(subject.length > maxCharacters ? [`has ${subject.length} characters, expected at most ${maxCharacters}`] : []),
    ...(isImperative ? [] : [`begins with "${first}", expected a verb in the imperative, such as Add or Retry`]),
    ...(subject.endsWith('.') ? ['ends with a full stop'] : []),
  ];
}
