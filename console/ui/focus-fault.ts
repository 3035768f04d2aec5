/**
 * Give the focus to the first field that the API has refused, and open what hides it.
 *
 * @param within - What the fields are in.
 */
export function focusFault(within: Element | null | undefined): void {
  const field =
    within?.querySelector<HTMLElement>('[aria-invalid="true"]') ??
    within?.querySelector<HTMLElement>('.field-bad :is(input, select, textarea, button)');
  for (let hidden = field?.closest('details:not([open])'); hidden instanceof HTMLDetailsElement; ) {
    hidden.open = true;
    hidden = field?.closest('details:not([open])');
  }
  field?.focus();
}
