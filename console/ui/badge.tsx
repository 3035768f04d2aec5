type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'quiet';

const tones: Readonly<Record<string, Tone>> = {
  delivered: 'good',
  enabled: 'good',
  succeeded: 'good',
  active: 'good',
  connected: 'good',
  idle: 'good',
  closed: 'good',
  passed: 'good',
  exhausted: 'bad',
  failed: 'bad',
  failing: 'bad',
  open: 'bad',
  disabled: 'bad',
  retrying: 'warn',
  'half-open': 'warn',
  'backing-off': 'warn',
  'rate-limited': 'warn',
  paused: 'warn',
  pending: 'warn',
  running: 'busy',
  waiting: 'busy',
};

/** A state in a word. Its tone is never the only sign of it. */
export function Badge({ of, tone }: { readonly of: string; readonly tone?: Tone }) {
  return <span class={`badge badge-${tone ?? tones[of] ?? 'quiet'}`}>{of}</span>;
}
