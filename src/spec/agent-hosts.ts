import type { ToolName } from './sandbox.ts';

/**
 * Hosts that agents need to talk to their models and to keep their login, one line each, from the agents' own documents.
 * Every host here is a way out for whatever runs inside, so what is only nice to have (telemetry, updates) is left out.
 * The first of each is where it finds a model.
 */
export const agentHosts: Readonly<Record<ToolName, readonly [string, ...string[]]>> = {
  claude: ['api.anthropic.com', 'platform.claude.com'],
  opencode: ['models.dev', 'opencode.ai'],
  codex: ['api.openai.com', 'auth.openai.com', 'chatgpt.com'],
  gemini: ['cloudcode-pa.googleapis.com', 'generativelanguage.googleapis.com', 'oauth2.googleapis.com'],
  aider: ['api.anthropic.com', 'api.openai.com', 'openrouter.ai'],
};

/**
 * What mode `allowlist` lets through where no layer names `allowed_domains`: the agents' hosts, and those of the package
 * registries that the host uses. Sorted, each once.
 */
export function usualDomains(registries: readonly string[] = []): string[] {
  return [...new Set([...Object.values(agentHosts).flat(), ...registries])].toSorted();
}
