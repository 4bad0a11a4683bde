import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const teardown = fileURLToPath(new URL('teardown', import.meta.url));

test('teardown kills nothing when the holder is in the namespaces of everybody else', async () => {
  // Namespaces of its own, processes included, so that a failure ends nothing but this script.
  const script = `
    dir=$(mktemp -d /var/tmp/coi-lab-XXXXXX)
    sleep 60 & bystander=$!
    sleep 60 & holder=$!
    echo "$holder $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/net)" >"$dir/holder"
    ${teardown} "$dir" && kill -0 "$holder" && kill -0 "$bystander" && echo 'both alive'`;
  const unshare = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script];
  expect((await execa('unshare', unshare, { reject: false })).stdout).toBe('both alive');
});

test('teardown refuses a directory that is no lab', async () => {
  const refused = await execa(teardown, ['/var/tmp'], { reject: false });
  expect(refused).toMatchObject({ exitCode: 2, stderr: "teardown: '/var/tmp' is no lab" });
});
