import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { resourcesFolder } from '../definitions/integration-folders.ts';
import { type Command, type CommandArguments, type CommandPorts, textOption, UnusableInput } from './command.ts';

/** The option of commands that read definitions. */
export const folderOption = { integrations: { type: 'string' } } as const;

export const folderHelp =
  '--integrations <folder>: of your own definitions, <name>/integration.yaml (default: the shipped ones)';

/**
 * The ports of a command, with the folder that `--integrations` names. The schemas of resources stay the shipped ones,
 * because the construct's property `integrations` deploys those, too.
 *
 * @throws {UnusableInput} when there is no such folder, unless the command makes it.
 */
export function withOwnFolder(command: Command, args: CommandArguments, ports: CommandPorts): CommandPorts {
  const folder = textOption(args, 'integrations')?.replace(/(?<=.)\/+$/, '');
  if (command.definitions === undefined || folder === undefined) return ports;
  const isFolder = existsSync(folder) && statSync(folder).isDirectory();
  if (!isFolder && (command.definitions === 'read' || existsSync(folder)))
    throw new UnusableInput(
      `--integrations: got "${folder}", expected a folder of definitions, <name>/integration.yaml.`,
    );
  const own = join(folder, resourcesFolder);
  if (existsSync(own)) ports.note(`${own} is not read: the schemas of resources are those of the release.\n`);
  return { ...ports, integrations: folder, resources: ports.integrations };
}

/** Whether a command reads a folder that has definitions only. */
export function isOwnFolder({ resources }: CommandPorts): boolean {
  return resources !== undefined;
}

/** The path of a definition's file for people. Faults name it within `integrations/`. */
export function shownPath(ports: CommandPorts, file: string): string {
  return isOwnFolder(ports) ? file.replace(/^integrations(?=\/)/, () => ports.integrations) : file;
}
