/** The version in package.json; a test holds them together. Here as well, so that asking for it reads no file. */
export const version = '0.1.0';

/** Address of the project. */
export const projectUrl = 'https://github.com/mensfeld/code-on-incus';

/** What `coi version` prints. */
export const versionText = `code-on-incus (coi) v${version}\n${projectUrl}\n`;
