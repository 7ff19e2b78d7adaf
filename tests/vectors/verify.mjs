// A second reader of docs/format-v1.md, written from that document on WebCrypto alone (Node.js 18
// or newer, no packages). It verifies and decrypts; it writes nothing that another reader needs.
// What WebCrypto lacks, ML-KEM for the suite X-Wing and scrypt, it refuses as `unsupported`.
import { open, readFile, rename, rm } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { Refusal, fromB64u } from './reader/encoding.mjs';
import { openDetails, openFile, readManifest } from './reader/content.mjs';
import {
  issuedWithin, issuerOf, openLicence, readLicence, readStatus, verifyLease,
} from './reader/licence.mjs';

export * from './reader/encoding.mjs';
export * from './reader/signed.mjs';
export * from './reader/content.mjs';
export * from './reader/licence.mjs';
export * from './reader/log.mjs';
export * from './reader/chain.mjs';
export * from './reader/ending.mjs';

// node verify.mjs licence KEYS.json                     says what a licence permits now
// node verify.mjs decrypt KEYS.json INDEX SEALED PLAIN  writes the plain file
// KEYS.json is described in README.md.
async function bundle(path) {
  const given = JSON.parse(await readFile(path, 'utf8'));
  const root = fromB64u(given.root);
  const keyFor = async (token) => issuerOf(token, given.certificates, root);
  const judged = await keyFor(given.licence);
  const licence = await readLicence(given.licence, judged.key);
  issuedWithin(judged, licence.issued);
  const manifest = await readManifest(given.manifest, (await keyFor(given.manifest)).key);
  const identity = fromB64u(given.identity);
  const stored = async (token, read) => {
    if (!token) return null;
    const certificate = await keyFor(token);
    const found = await read(token, certificate.key);
    issuedWithin(certificate, found.issued);
    return found;
  };
  const lease = await stored(given.lease, (token, key) =>
    verifyLease(token, key, { licence: given.licence, device: licence.device, nonce: null }));
  const status = await stored(given.status, readStatus);
  const keys = { identity, sealingKey: fromB64u(given.sealing_key), suite: given.suite };
  const now = given.now ?? Math.floor(Date.now() / 1000);
  const action = given.action ?? 'play';
  const opened = await openLicence(licence, keys, { manifest, now, action, status, lease });
  return { licence, manifest, ...opened };
}
async function decrypt(keysPath, index, sealedPath, plainPath) {
  const { manifest, key } = await bundle(keysPath);
  const sealed = await open(sealedPath);
  const draft = `${plainPath}.part`;
  try {
    const read = async (offset, length) => {
      const { buffer, bytesRead } = await sealed.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    const stream = await openFile(manifest, Number(index), read, key);
    const plain = await open(draft, 'w');
    try {
      for (let at = 0; at < stream.size; at += 2 ** 20) await plain.write(await stream.readAt(at, 2 ** 20));
    } finally { await plain.close(); }
    await rename(draft, plainPath);
    return `${plainPath}: ${stream.size} bytes`;
  } finally {
    await sealed.close();
    await rm(draft, { force: true });
  }
}
async function describe(keysPath) {
  const { licence, manifest, key, ends } = await bundle(keysPath);
  const names = (await openDetails(manifest, key)).map(({ name, size }) => ({ name, size }));
  const until = ends === null ? 'without end' : new Date(ends * 1000).toISOString();
  return JSON.stringify({ licence: licence.id, rights: licence.rights, until, files: names }, null, 1);
}
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [command, ...rest] = process.argv.slice(2);
  const run = { licence: describe, decrypt }[command];
  if (!run || rest.length !== run.length) {
    console.error('node verify.mjs licence KEYS.json | decrypt KEYS.json INDEX SEALED PLAIN');
    process.exit(2);
  }
  try { console.log(await run(...rest)); } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`${error.code}: ${error.message}`);
    process.exit(1);
  }
}
