// What verify.mjs makes of the vectors. Without a name it judges all beside it, says which it
// answers otherwise, and fails where there is one. With the name of a JSON list of vectors it
// prints the list of its answers: `ok` or the code of the refusal.
import { readdir, readFile } from 'node:fs/promises';
import { webcrypto } from 'node:crypto';
import * as reader from './verify.mjs';

const { b64u, fromB64u, hex } = reader;
const { subtle } = webcrypto;
class Mismatch extends Error {}
const expect = (got, wanted, what) => {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) throw new Mismatch(`${what}: ${JSON.stringify(got)}`);
};
const positive = (vector) => vector.outcome === 'ok';
const key = (vector, name) => fromB64u(vector[name]);

async function seal(plain, contentKey, ad, salt, prefix) { // section 4, for the vectors of a writer
  const derived = await subtle.importKey('raw', await reader.hkdf(contentKey, salt, ad), 'AES-GCM', false, ['encrypt']);
  const parts = [new Uint8Array([40]), salt, prefix];
  for (let at = 0, k = 0, last = false; !last; k += 1) {
    const part = plain.subarray(at, at + (k ? 65520 : 65480));
    at += part.length;
    last = at === plain.length;
    const iv = reader.segmentNonce(prefix, k, last);
    parts.push(new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv }, derived, part)));
  }
  return reader.concat(...parts);
}

const checks = {
  async stream(v) {
    const cipher = key(v, 'ciphertext');
    const ad = reader.associatedData(v.seal_id, v.index);
    const stream = await reader.openStream(reader.inMemory(cipher), v.size ?? cipher.length, key(v, 'key'), ad);
    const plain = await stream.readAt(0, stream.size);
    if (!positive(v)) return;
    expect([plain.length, hex(await reader.sha256(plain))], [v.plain_size, v.plain_sha256], 'plain bytes');
    for (const [at, size, part] of v.reads ?? []) expect(b64u(await stream.readAt(at, size)), part, `at ${at}`);
  },
  async sealing(v) {
    const plain = Uint8Array.from({ length: v.plain_size }, (_, i) => i % 251);
    const ad = reader.associatedData(v.seal_id, v.index);
    const cipher = await seal(plain, key(v, 'key'), ad, key(v, 'salt'), key(v, 'prefix'));
    expect([cipher.length, hex(await reader.sha256(cipher))], [v.ciphertext_size, v.ciphertext_sha256], 'sealed');
  },
  async size(v) {
    expect(reader.plainSize(v.ciphertext_size), v.plain_size, 'plain size');
    expect(reader.cipherSize(v.plain_size), v.ciphertext_size, 'sealed size');
  },
  async manifest(v) {
    const manifest = await reader.readManifest(v.manifest, key(v, 'issuer_public'));
    const entries = await reader.openDetails(manifest, key(v, 'key'));
    if (!positive(v)) return;
    expect(manifest.id, v.package_id, 'package id');
    expect(entries.map(({ name, type, size }) => [name, type, size]), v.entries, 'entries');
    for (const [index, file] of v.files.entries()) {
      const cipher = key(file, 'ciphertext');
      const stream = await reader.openFile(manifest, index, reader.inMemory(cipher), key(v, 'key'));
      expect(b64u(await stream.readAt(0, stream.size)), file.plain, 'plain bytes');
      expect([b64u(await reader.pieceRoot(cipher)), b64u(manifest.files[index].root)], [file.root, file.root], 'root');
    }
  },
  async licence(v) {
    const issuer = key(v, 'issuer_public');
    const keys = { identity: key(v, 'identity_public'), sealingKey: key(v, 'sealing_key'), suite: v.suite };
    const manifest = await reader.readManifest(v.manifest, key(v, 'manifest_issuer_public'));
    const status = v.status ? await reader.readStatus(v.status, issuer) : null;
    const device = await reader.thumbprint(keys.identity);
    const lease = v.lease ? await reader.verifyLease(v.lease, issuer, { licence: v.licence, device, nonce: null }) : null;
    const usage = v.usage ? { ...v.usage, firstPlay: v.usage.first_play } : undefined;
    const licence = await reader.readLicence(v.licence, issuer);
    const opened = await reader.openLicence(licence, keys,
      { manifest, now: v.now, action: v.action, status, lease, usage, highWater: v.high_water ?? null });
    expect(b64u(opened.key), v.content_key, 'content key');
    if ('ends' in v && positive(v)) expect([opened.ends, opened.stops], [v.ends, v.stops], 'ends and stops');
  },
  async lease(v) {
    const lease = await reader.verifyLease(v.jws, key(v, 'issuer_public'), v);
    const opened = await reader.leaseKey(lease, { sealingKey: key(v, 'sealing_key'), suite: v.suite });
    if (!positive(v)) return;
    expect([b64u(opened), lease.counter, lease.epoch, lease.expires, lease.firstPlay, lease.plays],
      [v.content_key, v.counter, v.epoch, v.expires, v.first_play, v.plays], 'claims');
  },
  async status(v) {
    const asked = { id: v.licence_id, nonce: v.nonce, lowest: v.lowest_sequence ?? 0 };
    const said = await reader.verifyStatus(v.jws, key(v, 'issuer_public'), asked);
    if (!positive(v)) return;
    expect([said.word, said.message, said.sequence, said.reason],
      [v.status, v.message, v.sequence ?? 0, v.reason ?? ''], 'claims');
  },
  async issuer(v) {
    const { kid, begins, expires } = await reader.verifyCertificate(v.jws, key(v, 'root_public'));
    if (positive(v)) expect([kid, begins, expires], [v.kid, v.nbf, v.exp], 'claims');
  },
  async issued(v) {
    const certificate = await reader.issuerOf(v.licence, v.certificates, key(v, 'root_public'));
    reader.issuedWithin(certificate, (await reader.readLicence(v.licence, certificate.key)).issued);
  },
  async proof(v) {
    const asked = { method: v.method, url: v.url, now: v.now, accessToken: v.access_token };
    expect(await reader.verifyProof(v.jws, asked), v.thumbprint, 'device');
  },
  sealing_key: (v) => reader.checkSealingKey(key(v, 'identity_public'), key(v, 'sealing_public'),
    v.suite ?? 'X25519', key(v, 'signature')),
  async commitment(v) {
    expect(b64u(await reader.commitment(key(v, 'key'), v.seal_id)), v.commitment, 'commitment');
  },
  async custody(v) {
    const kept = await reader.unwrapAtRest(key(v, 'master'), key(v, 'wrapped'), key(v, 'context'));
    expect(b64u(kept), v.key, 'key');
  },
  async json(v) {
    const canonical = reader.canonical(reader.parseObject(key(v, 'text')));
    expect(b64u(Buffer.from(canonical)), v.canonical, 'canonical');
  },
  ed25519: (v) => reader.signed(key(v, 'public'), key(v, 'signature'), key(v, 'message')),
  async hpke(v) {
    const plain = await reader.hpkeOpen(key(v, 'private'), key(v, 'enc'), key(v, 'ct'), key(v, 'info'));
    expect(b64u(plain), v.plain, 'plain');
  },
  async tree(v) {
    let level = await Promise.all(v.entries.map((entry) => reader.leafHash(fromB64u(entry))));
    let chain = new Uint8Array(32);
    for (const leaf of level) chain = await reader.sha256([2], chain, leaf);
    while (level.length > 1) {
      level = await Promise.all(level.flatMap((left, i) => (i % 2 ? []
        : [i + 1 < level.length ? reader.nodeHash(left, level[i + 1]) : left])));
    }
    expect([b64u(level[0]), b64u(chain)], [v.root, v.chain], 'root and chain');
  },
  inclusion: (v) => reader.verifyInclusion(key(v, 'leaf'), v.index, v.tree_size, v.path.map(fromB64u), key(v, 'root')),
  consistency: (v) => reader.verifyConsistency(v.old_size, key(v, 'old_root'), v.new_size, key(v, 'new_root'),
    v.path.map(fromB64u)),
  async head(v) {
    const head = await reader.verifyHead(v.jws, key(v, 'issuer_public'));
    if (!positive(v)) return;
    expect([head.size, b64u(head.root), b64u(head.chain), head.issued], [v.size, v.root, v.chain, v.iat], 'claims');
  },
  async checkpoint(v) {
    const head = await reader.verifyCheckpoint(v.jws, key(v, 'root_public'));
    if (!positive(v)) return;
    expect([head.size, b64u(head.root), b64u(head.chain), head.issued], [v.size, v.root, v.chain, v.iat], 'claims');
  },
  async surrender(v) {
    const said = await reader.verifySurrender(v.jws, key(v, 'identity_public'));
    if (positive(v)) expect([said.handover, said.licence, said.hash], [v.handover, v.licence_id, v.licence_hash], 'claims');
  },
  async surrender_request(v) {
    const said = await reader.verifySurrenderRequest(v.jws, key(v, 'issuer_public'), v);
    if (!positive(v)) return;
    expect([said.handover, said.kind, said.package, said.licence, said.hash],
      [v.handover, v.purpose, v.package, v.licence_id, v.licence_hash], 'claims');
  },
  async keyring(v) {
    const keyring = await reader.verifyKeyring(v.jws, key(v, 'root_public'), v.lowest_sequence ?? 0);
    if (!positive(v)) return;
    expect([keyring.sequence, keyring.issuers.map(({ kid }) => kid), Object.fromEntries(keyring.retired)],
      [v.sequence, v.kids, v.retired], 'claims');
  },
  async judged(v) {
    const root = key(v, 'root_public');
    const keyring = await reader.verifyKeyring(v.keyring, root);
    const { issued } = await reader.readLicence(v.licence, reader.keyringIssuer(keyring, v.licence).key);
    await reader.judgeIssuer(v.licence, issued, { ...v, keyring, root });
  },
  async root_change(v) {
    const { next } = await reader.verifyRootChange(v.jws, key(v, 'root_public'));
    if (positive(v)) expect(b64u(next), v.new_root, 'new root');
  },
  async roots(v) {
    expect(b64u(await reader.followRoots(v.changes, key(v, 'pinned'))), v.root, 'root');
  },
  async unlock(v) {
    const keys = { identity: key(v, 'identity_public'), sealingKey: key(v, 'sealing_key'), suite: v.suite };
    const manifest = await reader.readManifest(v.manifest, key(v, 'issuer_public'));
    const unlock = await reader.readUnlock(v.jws, key(v, 'issuer_public'));
    const opened = await reader.openUnlock(unlock, keys,
      { packageId: v.package, manifest, secret: key(v, 'secret'), action: v.action });
    expect(b64u(opened), v.content_key, 'content key');
  },
  async activation(v) {
    const read = await reader.readActivation(key(v, 'file'));
    if (positive(v)) expect([b64u(read.secret), read.shop, b64u(read.root)], [v.secret, v.shop, v.root_public], 'claims');
  },
  async shares(v) {
    const commitment = v.commitment && fromB64u(v.commitment);
    expect(b64u(await reader.combineShares(v.shares, key(v, 'signer_public'), commitment)), v.secret, 'secret');
  },
  async recovery(v) {
    const read = await reader.readRecoveryCode(v.code);
    expect([b64u(read.key), b64u(read.hint), b64u(read.identitySeed), b64u(read.sealingKey)],
      [v.key, v.root_hint, v.identity_seed, v.sealing_key], 'keys');
  },
  log_proof: (v) => reader.verifyLogProof(v.proof, key(v, 'issuer_public'), v.document),
};

async function judge(vector) {
  if (!checks[vector.kind]) return 'unsupported';
  try {
    await checks[vector.kind](vector);
    return 'ok';
  } catch (error) {
    if (error instanceof reader.Refusal) return error.code;
    return error instanceof Mismatch ? `says ${error.message}` : `fails: ${error.stack}`;
  }
}

async function all() {
  const found = {};
  const read = async (path) => JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8'));
  const json = async (folder) => (await readdir(new URL(folder, import.meta.url))).filter((n) => n.endsWith('.json')).sort();
  for (const file of await json('./')) found[file.slice(0, -5)] = await read(file);
  for (const file of await json('./more/')) {
    const { base, cases } = await read(`more/${file}`);
    for (const one of cases) found[`${file.slice(0, -5)}/${one.name}`] = { ...base, ...one };
  }
  return found;
}

if (process.argv[2]) {
  const answers = [];
  for (const vector of JSON.parse(await readFile(process.argv[2], 'utf8'))) answers.push(await judge(vector));
  console.log(JSON.stringify(answers));
} else {
  const counted = { ok: 0, refused: 0, unsupported: 0, wrong: 0 };
  for (const [name, vector] of Object.entries(await all())) {
    const answer = await judge(vector);
    if (answer === vector.outcome) counted[answer === 'ok' ? 'ok' : 'refused'] += 1;
    else if (answer === 'unsupported' && vector.needs) counted.unsupported += 1;
    else {
      counted.wrong += 1;
      console.error(`${name}: ${answer}, not ${vector.outcome}`);
    }
  }
  console.log(JSON.stringify(counted));
  process.exitCode = counted.wrong ? 1 : 0;
}
