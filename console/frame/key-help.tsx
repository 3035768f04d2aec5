import { maySee } from '../session.ts';
import { Dialog } from '../ui/dialog.tsx';

interface KeyHelpProps {
  readonly places: readonly { readonly title: string; readonly key: string; readonly scope: string }[];
  readonly onClose: () => void;
}

/** The keys of the console. */
export function KeyHelp({ places, onClose }: KeyHelpProps) {
  const keys: readonly (readonly [readonly string[], string])[] = [
    [['⌘', 'K'], 'Find an object by its id or name (Ctrl K, or /)'],
    [['?'], 'Show these keys'],
    [['Esc'], 'Close a dialog'],
    ...places.filter(({ scope }) => maySee(scope)).map(({ key, title }) => [['g', key], title] as const),
  ];
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {keys.map(([pressed, meaning]) => (
          <div key={meaning}>
            <dt>
              {pressed.map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
