/** Let the browser save what the page has, as a file. */
export function saveFile(name: string, parts: readonly BlobPart[], type: string): void {
  const url = URL.createObjectURL(new Blob([...parts], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Some browsers read the file only after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A name for a file: letters, digits and a few signs, and the day. */
export function fileName(what: string, ending: string): string {
  return `${what.replaceAll(/[^\w.-]+/g, '-')}-${new Date().toISOString().slice(0, 10)}.${ending}`;
}
