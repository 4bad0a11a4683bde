import { setTimeout as sleep } from 'node:timers/promises';
import { between, type Fault } from './fault.ts';

/** F3: incusd dies by SIGKILL in the middle of what a write began, and comes back. Containers go on meanwhile. */
export const incusdFaults: readonly Fault[] = [
  {
    name: 'incusd-killed',
    class: 'F3',
    at: 'write',
    arm: ({ stage, plan, random, fire, beside }) => {
      const restart = async () => {
        await sleep(between(random, 0, 12) * 15);
        fire();
        await stage.lab.restartIncusd({ signal: 'SIGKILL' });
      };
      stage.proxy.intercept = async (call, forward) => {
        const answer = await forward();
        if (call.index === plan.index) beside(restart());
        return answer;
      };
    },
  },
];
