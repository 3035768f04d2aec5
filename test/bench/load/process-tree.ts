import { readdirSync, readFileSync } from 'node:fs';

/** CPU time and memory of a process with all that it has started. */
export interface TreeUse {
  readonly cpuMs: number;
  readonly residentMb: number;
  /** CPU time by the script that a process runs; `runner` is the process itself. */
  readonly cpuMsByScript: Readonly<Record<string, number>>;
}

interface ProcessUse {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
  readonly residentMb: number;
  readonly script: string;
}

/** Linux counts CPU time in hundredths of a second, and memory in pages. */
const msPerTick = 10;
const pageMb = 4096 / 2 ** 20;

/**
 * Read what the kernel has counted. Threads count with their process.
 *
 * @param without - A child that is not counted, with its own children.
 * @returns Undefined where the system has no `/proc`.
 */
export function readTreeUse(without: number | undefined): TreeUse | undefined {
  const processes = readProcesses();
  if (processes.length === 0) return undefined;
  const ofTree = (pid: number): readonly ProcessUse[] => [
    ...processes.filter((one) => one.pid === pid),
    ...processes
      .filter(({ parent, pid: child }) => parent === pid && child !== without)
      .flatMap((one) => ofTree(one.pid)),
  ];
  const tree = ofTree(process.pid);
  const cpuMsByScript: Record<string, number> = {};
  for (const { pid, script, cpuMs } of tree) {
    const name = pid === process.pid ? 'runner' : script;
    cpuMsByScript[name] = (cpuMsByScript[name] ?? 0) + cpuMs;
  }
  return {
    cpuMs: tree.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    residentMb: tree.reduce((sum, { residentMb }) => sum + residentMb, 0),
    cpuMsByScript,
  };
}

/** CPU time from one reading to a later one. A process that ended in between is left out. */
export function cpuBetween(before: TreeUse, after: TreeUse): Pick<TreeUse, 'cpuMs' | 'cpuMsByScript'> {
  const cpuMsByScript = Object.fromEntries(
    Object.entries(after.cpuMsByScript).map(([name, ms]) => [name, ms - (before.cpuMsByScript[name] ?? 0)]),
  );
  return { cpuMs: Object.values(cpuMsByScript).reduce((sum, ms) => sum + Math.max(0, ms), 0), cpuMsByScript };
}

function readProcesses(): readonly ProcessUse[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readProcess(Number(name)) ?? []) : []));
  } catch {
    return [];
  }
}

/** @returns Undefined for a process that has ended meanwhile. */
function readProcess(pid: number): ProcessUse | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the command, in brackets, may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [parent, user, system, pages] = [fields[1], fields[11], fields[12], fields[21]].map(Number);
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const script = words.find((word) => /\.(ts|m?js)$/.test(word)) ?? words[0] ?? '';
    return {
      pid,
      parent: parent ?? 0,
      cpuMs: ((user ?? 0) + (system ?? 0)) * msPerTick,
      residentMb: (pages ?? 0) * pageMb,
      script: script.slice(script.lastIndexOf('/') + 1),
    };
  } catch {
    return undefined;
  }
}
