import type { ComponentChildren } from 'preact';
import { TextField } from './field.tsx';

interface TimeFieldProps {
  readonly label: string;
  /** ISO 8601; empty for none. */
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: ComponentChildren;
  readonly faults?: readonly string[] | undefined;
}

const msPerMinute = 60_000;

/** ISO 8601 as the browser's field for times wants it: in the reader's zone, without one. */
function localOf(iso: string): string {
  const date = new Date(iso);
  if (iso === '' || Number.isNaN(date.getTime())) return '';
  const local = new Date(date.getTime() - date.getTimezoneOffset() * msPerMinute).toISOString();
  return local.slice(0, local.slice(17, 19) === '00' ? 16 : 19);
}

/** A time in the reader's zone. */
export function TimeField({ value, onChange, ...field }: TimeFieldProps) {
  return (
    <TextField
      {...field}
      type="datetime-local"
      value={localOf(value)}
      onChange={(text) => {
        const date = new Date(text);
        if (text === '') onChange('');
        else if (!Number.isNaN(date.getTime())) onChange(date.toISOString());
      }}
    />
  );
}
