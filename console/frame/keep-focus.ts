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

/** How long a button may be off before something else gets its focus. */
const patienceMs = 1_500;

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
  let awaited: Focused | undefined;
  /** A button that is off, and what has its focus meanwhile. */
  let lent: { readonly element: HTMLElement; readonly to: Element | null } | undefined;
  const giveToPlace = ({ within }: Focused) => {
    const place = within.find(({ isConnected }) => isConnected) ?? root.querySelector<HTMLElement>('main');
    if (place !== null) focusPlace(place);
  };
  /** A call that runs switches its button off, and on again. What stays off cannot keep the focus. */
  const wait = (lost: Focused) => {
    if (awaited === lost) return;
    awaited = lost;
    setTimeout(() => {
      awaited = undefined;
      if (last !== lost || !isLost() || isPossible(lost.element)) return;
      giveToPlace(lost);
      lent = { element: lost.element, to: document.activeElement };
    }, patienceMs);
  };
  new MutationObserver(() => {
    if (lent !== undefined && isPossible(lent.element)) {
      if (document.activeElement === lent.to) lent.element.focus();
      lent = undefined;
    }
    if (last === undefined) return;
    if (isPossible(last.element)) {
      if (isLost()) last.element.focus();
    } else if (last.element.isConnected) wait(last);
    else if (isLost()) giveToPlace(last);
  }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] });
}
