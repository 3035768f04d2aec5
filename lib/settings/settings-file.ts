import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, type Pair, parseDocument } from 'yaml';

/** The deployer's file, in the root of the repository. */
export const settingsFileName = 'tributary.yaml';

/** The section of every stage that is deployed; a stage's own section wins. */
export const everyDeployedStage = 'all';

export interface SettingsFile {
  /** As faults name it. */
  readonly name: string;
  readonly text: string;
}

/** A value that a deployer gave to a setting. */
export interface GivenSetting {
  readonly name: string;
  readonly value: unknown;
  /** Where: a fault begins with it. */
  readonly source: string;
}

export interface SettingsSections {
  readonly sections: ReadonlyMap<string, readonly GivenSetting[]>;
  readonly faults: readonly string[];
}

/** @returns undefined where the folder has no such file. */
export function readSettingsFile(folder: URL): SettingsFile | undefined {
  try {
    return { name: settingsFileName, text: readFileSync(new URL(settingsFileName, folder), 'utf8') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Parse the settings of a file by section, with the line of each.
 *
 * @param known - Names of the sections that there may be.
 * @example tributary.yaml
 *   all:
 *     alarmEmail: ops@example.com
 *   prod:
 *     retentionDays: 90
 */
export function parseSettingsFile({ name: file, text }: SettingsFile, known: readonly string[]): SettingsSections {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults: string[] = document.errors.map(
    ({ pos, message }) => `${file}:${lines.linePos(pos[0]).line}: ${message}`,
  );
  const sections = new Map<string, GivenSetting[]>();
  const { contents } = document;
  if (faults.length > 0 || contents === null) return { sections, faults };
  if (!isMap(contents)) return { sections, faults: [`${file}:1: expected sections of settings: ${known.join(', ')}`] };

  for (const section of contents.items) {
    const { name, place } = placeOf(section, file, lines);
    const content = section.value;
    if (!known.includes(name)) {
      faults.push(`${place}: ${name}: not a section, expected one of ${known.join(', ')}`);
    } else if (isMap(content)) {
      const given = content.items.map((item) => {
        const setting = placeOf(item, file, lines);
        const value = isYamlNode(item.value) ? (item.value.toJS(document) as unknown) : item.value;
        return { name: setting.name, value, source: `${setting.place}: ${name}.${setting.name}` };
      });
      sections.set(name, given);
    } else if (!(content === null || (isScalar(content) && content.value === null))) {
      // An empty section is fine.
      faults.push(`${place}: ${name}: expected settings, each as "name: value" on a line of its own`);
    }
  }
  return { sections, faults };
}

function placeOf({ key }: Pair, file: string, lines: LineCounter): { readonly name: string; readonly place: string } {
  const at = isYamlNode(key) ? key.range?.[0] : undefined;
  return {
    name: isScalar(key) ? String(key.value) : String(key),
    place: at === undefined ? file : `${file}:${lines.linePos(at).line}`,
  };
}

function isYamlNode(
  value: unknown,
): value is { range?: [number, number, number] | null; toJS(document: unknown): unknown } {
  return typeof value === 'object' && value !== null && 'toJS' in value;
}
