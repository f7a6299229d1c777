import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { Library } from '../../../../src/keys/pkcs11/library.ts';
import { createPin, PinRefused } from '../../../../src/keys/pkcs11/pin.ts';
import { createSessionOpener } from '../../../../src/keys/pkcs11/token.ts';
import { createTestClock } from '../../issuers/provider.ts';

const directory = mkdtempSync(join(tmpdir(), 'pin-'));
const pinFile = join(directory, 'pin');
afterAll(() => rmSync(directory, { recursive: true }));
const writePin = (pin: string) => writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });

/** A library with one token whose PIN is 1234; `fault` is what it says instead of a session. */
function createFakeLibrary() {
  const state = { fault: '', busy: false, opened: 0, restarts: 0, pins: [] as string[] };
  const library = {
    numbers: { CKU_USER: 1, CKF_SERIAL_SESSION: 4 },
    generation: () => state.restarts,
    restart() {
      if (state.busy) return false;
      state.restarts++;
      return true;
    },
    calls: {
      C_GetSlotList: () => [Buffer.from([1])],
      C_GetTokenInfo: () => ({ label: 'countersign                     ' }),
      C_OpenSession() {
        state.opened++;
        if (state.fault) throw new Error(state.fault);
        return Buffer.from([state.opened]);
      },
      C_Login(_session: Buffer, _user: number, pin: string) {
        state.pins.push(pin);
        if (pin !== '1234') throw new Error('CKR_PIN_INCORRECT');
      },
      C_CloseSession() {},
    },
  } as unknown as Library;
  return { library, state };
}

function createOpener(tokenLabel = 'countersign') {
  const { library, state } = createFakeLibrary();
  const clock = createTestClock();
  const pin = createPin({ pin: undefined, pinFile });
  const open = createSessionOpener({ library, settings: { tokenLabel }, pin, now: clock.now });
  return { open, state, clock };
}

describe('opening a session', () => {
  it('logs in with the PIN of the file', async () => {
    writePin('1234');
    const { open, state } = createOpener();
    expect((await open()).isCurrent()).toBe(true);
    expect(state).toMatchObject({ pins: ['1234'], restarts: 0 });
  });

  it('starts the library anew when it fails, and its old sessions are worth nothing', async () => {
    writePin('1234');
    const { open, state } = createOpener();
    const session = await open();
    state.fault = 'CKR_DEVICE_REMOVED';
    await expect(open()).rejects.toThrow('CKR_DEVICE_REMOVED');
    expect(state).toMatchObject({ restarts: 1, opened: 3 });
    expect(session.isCurrent()).toBe(false);
  });

  it('leaves the library alone while another thread signs', async () => {
    writePin('1234');
    const { open, state } = createOpener();
    Object.assign(state, { busy: true, fault: 'CKR_DEVICE_ERROR' });
    await expect(open()).rejects.toThrow('CKR_DEVICE_ERROR');
    expect(state).toMatchObject({ restarts: 0, opened: 1 });
  });

  it('is not tried again for a second after it failed', async () => {
    writePin('1234');
    const { open, state, clock } = createOpener();
    state.fault = 'CKR_DEVICE_REMOVED';
    await expect(open()).rejects.toThrow('CKR_DEVICE_REMOVED');
    state.fault = '';
    clock.advance(999);
    await expect(open()).rejects.toThrow('CKR_DEVICE_REMOVED');
    expect(state.opened).toBe(2);
    clock.advance(1);
    await open();
  });

  it('says which token is not there', async () => {
    writePin('1234');
    await expect(createOpener('other').open()).rejects.toThrow('There is no token "other"');
  });
});

describe('a wrong PIN', () => {
  it('is tried once, because the token locks itself after a few', async () => {
    writePin('9999');
    const { open, state, clock } = createOpener();
    for (let count = 0; count < 3; count++) {
      await expect(open()).rejects.toThrow(PinRefused);
      clock.advance(60_000);
    }
    expect(state).toMatchObject({ pins: ['9999'], restarts: 0 });
  });

  it('is told without the PIN', async () => {
    writePin('9999');
    await expect(createOpener().open()).rejects.toThrow(
      /^The token refuses the PIN \(CKR_PIN_INCORRECT\)$/,
    );
  });

  it('can be replaced in its file', async () => {
    writePin('9999');
    const { open, state, clock } = createOpener();
    await expect(open()).rejects.toThrow(PinRefused);
    writePin('1234');
    clock.advance(1000);
    await open();
    expect(state.pins).toEqual(['9999', '1234']);
  });
});
