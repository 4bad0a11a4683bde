import type { AgentAsk, AgentRecipes, AgentStart } from '../apply/agent-recipe.ts';
import { readHomeFile, type HomeFile } from '../host/home/read-home-file.ts';
import type { AgentLack } from '../plan/world.ts';
import type { Manifest } from '../spec/sandbox.ts';
import { earlierConversation } from './earlier-conversation.ts';
import { agentCommand, namedAgent, type NamedAgent } from './agent-command.ts';
import { guestEnvironment } from './guest-environment.ts';
import { mergeSettings } from './merge-settings.ts';
import { packFiles, type HomeEntry } from './pack-files.ts';
import { sessionIdOf } from '../plan/session-id.ts';
import type { AgentTool } from './tools/tool.ts';

/** Where the environment that somebody asked for is kept. */
export interface AgentRecipesInit {
  readonly environmentOf: (manifest: Manifest) => Promise<Readonly<Record<string, string>>>;
}

/** The recipes of a controller. */
export function openAgentRecipes({ environmentOf }: AgentRecipesInit): AgentRecipes {
  return {
    async startOf({ manifest, ...ask }) {
      const { sandbox, owner } = manifest;
      return agentStart({ ...ask, sandbox, owner, environment: await environmentOf(manifest) });
    },
  };
}

/** What an agent's start is put together from. */
export interface AgentStartInit extends Omit<AgentAsk, 'manifest'>, Pick<Manifest, 'sandbox'> {
  /** Whose files go in; nobody's when undefined. */
  readonly owner: Manifest['owner'] | undefined;
  /** What somebody asked to have in the environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Puts together what an agent starts with: the command, the environment, the settings, and the files of the owner that the
 * agent needs to log in. Those are copied by name, one by one, fresh each time; nothing else of the owner's goes in.
 *
 * @throws {Problem} `tool.settings` when settings of the owner's cannot be added to
 */
export async function agentStart(init: AgentStartInit): Promise<AgentStart> {
  const { sandbox, uid, environment } = init;
  const sessionId = sandbox.session?.id ?? sessionIdOf(uid);
  const resume = init.goesOn ? await earlierConversation(sandbox, init.inside) : undefined;
  const agent = namedAgent(sandbox, { sessionId, ...(resume !== undefined && { resume }) });
  const { argv, env } = agentCommand(sandbox, agent);
  const home = `/home/${sandbox.codeUser.name}`;
  return {
    argv,
    env: guestEnvironment({ home, terminal: undefined, own: { ...env, ...environment } }),
    ...(agent ? await inputsOf(init, agent) : { files: undefined, lack: undefined }),
  };
}

async function inputsOf(
  { sandbox, owner, environment, inside }: AgentStartInit,
  agent: NamedAgent,
): Promise<Pick<AgentStart, 'files' | 'lack'>> {
  const isWanted = sandbox.tool.hostFiles !== false;
  const taken = await hostFiles(agent.tool, isWanted ? owner : undefined);
  const files = new Map<string, Uint8Array>();
  for (const [path, file] of taken) if (file.kind === 'file') files.set(path, file.content);
  const lack = isWanted ? lackOf(agent.tool, { taken, environment, owner }) : undefined;
  for (const { path, keys } of agent.tool.settings({ ...agent.options, variables: environment })) {
    const below = files.get(path) ?? (await inside.read(path));
    files.set(path, Buffer.from(mergeSettings(below && Buffer.from(below).toString('utf8'), keys, `~/${path}`)));
  }
  const entries: HomeEntry[] = [...files].map(([path, content]) => ({ path, content }));
  return { files: entries.length === 0 ? undefined : packFiles(entries), lack };
}

async function hostFiles(tool: AgentTool, owner: AgentStartInit['owner']): Promise<ReadonlyMap<string, HomeFile>> {
  if (!owner) return new Map();
  return new Map(
    await Promise.all(
      tool.hostFiles.map(async (path): Promise<[string, HomeFile]> => [path, await readHomeFile(owner, path)]),
    ),
  );
}

function ownVariables({ ownVariables: own }: AgentTool, taken: Given['taken']): Readonly<Record<string, string>> {
  const file = own && taken.get(own.path);
  return file?.kind === 'file' ? own!.read(file.content.toString('utf8')) : {};
}

interface Given {
  readonly taken: ReadonlyMap<string, HomeFile>;
  readonly environment: AgentStartInit['environment'];
  readonly owner: AgentStartInit['owner'];
}

function lackOf(tool: AgentTool, { taken, environment, owner }: Given): AgentLack | undefined {
  const { name, credentials } = tool;
  const has = { ...environment, ...ownVariables(tool, taken) };
  const refused = [...taken.values()].flatMap((file) => (file.kind === 'refused' ? [file.why] : []));
  const isLoggedIn =
    credentials.files.some((path) => taken.get(path)?.kind === 'file') ||
    credentials.variables.some((variable) => has[variable]);
  const wanted = [...credentials.files.map((path) => `${owner?.home ?? '~'}/${path}`), ...credentials.variables];
  const missing = isLoggedIn ? [] : [`${name} cannot log in: there is none of ${wanted.join(', ')}`];
  if (missing.length + refused.length === 0) return undefined;
  const message = [...missing, ...refused.map((why) => `${why}, so it was not copied`)].join('; ');
  return { reason: isLoggedIn ? 'FilesRefused' : 'CredentialMissing', message };
}
