/** Parts of a page that can take over the focus of what was in them. */
const places = 'dialog, form, fieldset, [tabindex="0"], section, article, main';

interface Focused {
  readonly element: HTMLElement;
  /** What it is in, the closest first. */
  readonly within: readonly HTMLElement[];
}

function withinOf(element: HTMLElement): readonly HTMLElement[] {
  const found: HTMLElement[] = [];
  for (let one = element.parentElement; one !== null; one = one.parentElement) if (one.matches(places)) found.push(one);
  return found;
}

/** Give a part of the page the focus, though Tab does not stop there: its heading, if it has one. */
function focusPlace(place: HTMLElement): void {
  const heading = place.matches('section, article, main') ? place.querySelector<HTMLElement>('h1, h2') : null;
  const target = heading ?? place;
  if (target.tabIndex < 0 && !target.hasAttribute('tabindex')) {
    target.tabIndex = -1;
    // A click into the part must not move the focus there.
    target.addEventListener('blur', () => target.removeAttribute('tabindex'), { once: true });
  }
  target.focus();
}

const isLost = () => document.activeElement === null || document.activeElement === document.body;
const isPossible = (element: HTMLElement) => element.isConnected && !element.matches(':disabled');

/**
 * Keep the focus when what has it goes away: a row that is removed, a button that is switched off while its call runs.
 * Without it, the next Tab begins at the top of the page, and screen readers fall silent.
 *
 * @param root - What is watched.
 */
export function keepFocus(root: HTMLElement): void {
  let last: Focused | undefined;
  document.addEventListener('focusin', ({ target }) => {
    if (target instanceof HTMLElement) last = { element: target, within: withinOf(target) };
  });
  document.addEventListener('focusout', ({ target }) => {
    // One may look away by a click. Only what is gone or switched off has lost the focus.
    queueMicrotask(() => {
      if (isLost() && last?.element === target && isPossible(last.element)) last = undefined;
    });
  });
  new MutationObserver(() => {
    if (last === undefined || !isLost()) return;
    const { element, within } = last;
    if (isPossible(element)) element.focus();
    else if (!element.isConnected) {
      const place = within.find(({ isConnected }) => isConnected) ?? root.querySelector<HTMLElement>('main');
      if (place !== null) focusPlace(place);
    }
  }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] });
}
