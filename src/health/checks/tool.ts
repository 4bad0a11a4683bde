import { agentTools } from '../../session/tools/find-tool.ts';
import { ok, warning, type HealthCheck } from '../check.ts';

/** Whether the agent that settings name is one that coi knows. */
export const toolCheck: HealthCheck = {
  name: 'tool',
  group: 'CONFIGURATION',
  look: async (sight) => {
    const command = sight.seen.settings.layer.tool?.command;
    if (command) return ok(`Sessions run a command of their own: ${command.join(' ')}`);
    const name = sight.tool;
    const known = agentTools.map((each) => each.name);
    if (known.includes(name)) return ok(`Sessions run ${name}`, { tool: name });
    return warning(`There is no tool "${name}"`, [
      `# Name one that there is: [tool] name = "…", of ${known.join(', ')}`,
    ]);
  },
};
