import { describe, expect, it } from 'vitest';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';
import { parseSettings } from '../../src/spec/settings.ts';

const etc = `[network]
mode = "allowlist"
refresh_interval_minutes = 5
logging = { enabled = true }

[profiles.web.network]
mode = "open"
`;
const user = `network.refresh_interval_minutes = 7
[profiles.web]
network.block_private_networks = false
[profiles.web.network.logging]
path = "/srv/net.log"
`;

/** Origins of a sandbox with these lines, as `FROM FILE:LINE VALUE`. */
function originsOf(...lines: string[]): Record<string, string> {
  const { settings, problems } = parseSettings([
    { file: '/etc', text: etc },
    { file: '/user', text: user },
  ]);
  expect(problems).toEqual([]);
  const text = ['apiVersion = "coi/v1"', '[sandbox.a]', ...lines].join('\n');
  const input = { file: 'a.toml', text, source: 's', home: '/', settings: settings.layer, origins: settings.origins };
  const [manifest] = parseManifestFile(input).manifests;
  return Object.fromEntries(
    Object.entries(manifest?.origins ?? {}).map(([key, { from, value, position }]) => [
      key,
      `${from} ${position.file}:${position.line} ${JSON.stringify(value)}`,
    ]),
  );
}

describe('where values of the section network were written', () => {
  it('is the settings file that has the last word', () => {
    expect(originsOf()).toEqual({
      mode: 'settings /etc:2 "allowlist"',
      refresh_interval_minutes: 'settings /user:1 7',
      'logging.enabled': 'settings /etc:4 true',
    });
  });

  it('is the profile that replaced the one of a lower file', () => {
    expect(originsOf('profile = "web"')).toEqual({
      mode: 'settings /etc:2 "allowlist"',
      refresh_interval_minutes: 'settings /user:1 7',
      'logging.enabled': 'settings /etc:4 true',
      block_private_networks: 'profile /user:3 false',
      'logging.path': 'profile /user:5 "/srv/net.log"',
    });
  });

  it('is the line of the manifest', () => {
    const lines = ['profile = "web"', '', '[sandbox.a.network]', 'mode = "none"', 'allowed_domains = ["a.example"]'];
    expect(originsOf(...lines)).toMatchObject({
      mode: 'manifest a.toml:6 "none"',
      allowed_domains: 'manifest a.toml:7 ["a.example"]',
      block_private_networks: 'profile /user:3 false',
    });
  });
});
