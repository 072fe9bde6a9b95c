// ws.js - a WebSocket client for the tests, over net or tls. It shows every frame as it came, and sends what no real client would.
//
//   const socket = await openSocket(server, { path: '/v1/ws?compress=false' });
//   socket.sendJson({ type: 'authenticate', method: 'jwt', token });
//   const message = await socket.next();               // the next JSON message, unpacked
//   await socket.nextOf('change');                     // skips others
//   const { code, reason } = await socket.closed();    // answers the close
'use strict';
const crypto = require('node:crypto');
const net = require('node:net');
const tls = require('node:tls');
const zlib = require('node:zlib');
const { within, slowness } = require('./server.js');

const WAIT_MS = 60000 * slowness; // only a broken server takes so long
const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

// A frame of a client; `mask: false` and `rsv` for what the server must refuse.
function frame(opcode, payload = Buffer.alloc(0), { fin = true, mask = true, rsv = 0 } = {}) {
    const bytes = Buffer.from(payload);
    const size = bytes.length;
    const head = Buffer.alloc(size < 126 ? 2 : size < 65536 ? 4 : 10);
    head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
    head[1] = (mask ? 0x80 : 0) | (size < 126 ? size : size < 65536 ? 126 : 127);
    if (head.length === 4) {
        head.writeUInt16BE(size, 2);
    } else if (head.length === 10) {
        head.writeBigUInt64BE(BigInt(size), 2);
    }
    if (!mask) {
        return Buffer.concat([head, bytes]);
    }
    const key = crypto.randomBytes(4);
    return Buffer.concat([head, key, bytes.map((byte, i) => byte ^ key[i & 3])]);
}

// The answer to a handshake that was refused.
class HandshakeError extends Error {
    constructor(status, head, body) {
        super(`handshake: ${status} ${body}`);
        Object.assign(this, { status, head, body });
    }
}

class WebSocket {
    constructor(socket) {
        this.socket = socket;
        this.input = Buffer.alloc(0);
        this.frames = [];
        this.waiting = [];
        this.ended = false;
        this.answersPings = true;
        this.raw = 0; // bytes of frames received
        socket.on('data', (part) => this.take(part));
        socket.on('error', () => {});
        socket.on('close', () => {
            this.ended = true;
            this.wake();
        });
    }

    async handshake(path, headers) {
        const key = crypto.randomBytes(16).toString('base64');
        const all = { host: 'localhost', connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key, 'sec-websocket-extensions': 'permessage-deflate', ...headers };
        const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
        const answer = new Promise((resolve, reject) => {
            this.onHead = resolve;
            this.socket.once('close', () => reject(new Error('the connection ended before the handshake')));
        });
        this.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
        const head = await within(WAIT_MS, 'handshake', answer);
        const status = Number(head.split(' ')[1]);
        if (status !== 101) {
            const body = this.input.toString();
            this.socket.destroy();
            throw new HandshakeError(status, head, body);
        }
        const accept = crypto.createHash('sha1').update(key + GUID).digest('base64');
        if (!head.includes(`sec-websocket-accept: ${accept}`) || /sec-websocket-extensions/i.test(head)) {
            throw new Error(`bad handshake: ${head}`);
        }
        this.head = head;
        return this;
    }

    take(part) {
        this.input = this.input.length === 0 ? part : Buffer.concat([this.input, part]);
        if (this.head === undefined && this.onHead !== undefined) {
            const end = this.input.indexOf('\r\n\r\n');
            if (end < 0) {
                return;
            }
            const head = this.input.subarray(0, end + 2).toString();
            this.input = this.input.subarray(end + 4);
            const length = /^content-length: (\d+)/im.exec(head);
            this.onHead(head);
            this.onHead = undefined;
            this.head = head;
            if (length !== null) {
                return;
            }
        }
        while (this.takeFrame()) {}
        this.wake();
    }

    takeFrame() {
        const { input } = this;
        if (input.length < 2) {
            return false;
        }
        let at = 2;
        let size = input[1] & 0x7f;
        if ((input[1] & 0x80) !== 0) {
            throw new Error('the server masks');
        }
        if (size === 126) {
            at = 4;
            size = input.length < 4 ? Infinity : input.readUInt16BE(2);
        } else if (size === 127) {
            at = 10;
            size = input.length < 10 ? Infinity : Number(input.readBigUInt64BE(2));
        }
        if (input.length < at + size) {
            return false;
        }
        const got = { fin: (input[0] & 0x80) !== 0, rsv: (input[0] >> 4) & 7, opcode: input[0] & 15, payload: Buffer.from(input.subarray(at, at + size)) };
        this.raw += at + size;
        this.input = input.subarray(at + size);
        if (got.opcode === OP.ping && this.answersPings) {
            this.send(OP.pong, got.payload);
            return true;
        }
        this.frames.push(got);
        return true;
    }

    wake() {
        const waiting = this.waiting;
        this.waiting = [];
        waiting.forEach((resolve) => resolve());
    }

    send(opcode, payload, options) {
        this.socket.write(frame(opcode, payload, options));
    }

    sendRaw(bytes) {
        this.socket.write(bytes);
    }

    // Integers of 64 bits may be given as BigInt.
    sendJson(value) {
        const big = [];
        const text = JSON.stringify(value, (key, member) => (typeof member === 'bigint' ? (big.push(member), `\u0001${big.length - 1}\u0001`) : member));
        this.send(OP.text, text.replace(/"\\u0001(\d+)\\u0001"/g, (whole, index) => String(big[Number(index)])));
    }

    // The next frame; null at the end of the connection.
    async nextFrame(what = 'a frame') {
        const arrived = async () => {
            while (this.frames.length === 0 && !this.ended) {
                await new Promise((resolve) => this.waiting.push(resolve));
            }
            return this.frames.shift() ?? null;
        };
        return within(WAIT_MS, what, arrived());
    }

    // The next message as text, unpacked; throws at a close frame.
    async nextText(what = 'a message') {
        const got = await this.nextFrame(what);
        if (got === null) {
            throw new Error(`the connection ended before ${what}`);
        }
        if (got.opcode === OP.close) {
            this.frames.unshift(got);
            throw new Error(`closed before ${what}: ${got.payload.length < 2 ? '' : got.payload.readUInt16BE(0)} ${got.payload.subarray(2)}`);
        }
        if (!got.fin || got.rsv !== 0 || (got.opcode !== OP.text && got.opcode !== OP.binary)) {
            throw new Error(`unexpected frame ${JSON.stringify(got)}`);
        }
        return got.opcode === OP.text ? got.payload.toString() : zlib.gunzipSync(got.payload).toString();
    }

    async next(what) {
        return JSON.parse(await this.nextText(what));
    }

    // The next message of that type, or that `test` likes; others are passed over.
    async nextOf(test) {
        const likes = typeof test === 'string' ? (message) => message.type === test : test;
        for (;;) {
            const message = await this.next(String(test));
            if (likes(message)) {
                return message;
            }
        }
    }

    // Waits for the server's close frame, passing over messages, and answers it: {code, reason}.
    async closed() {
        for (;;) {
            const got = await this.nextFrame('a close frame');
            if (got === null) {
                throw new Error('the connection ended without a close frame');
            }
            if (got.opcode === OP.close) {
                this.send(OP.close, got.payload.subarray(0, 2));
                await this.gone();
                return { code: got.payload.length < 2 ? undefined : got.payload.readUInt16BE(0), reason: got.payload.subarray(2).toString() };
            }
        }
    }

    async gone() {
        while (!this.ended) {
            await within(WAIT_MS, 'the end of the connection', new Promise((resolve) => this.waiting.push(resolve)));
        }
    }

    async signIn(token) {
        this.sendJson({ type: 'authenticate', method: 'jwt', token });
        return this.nextOf('auth_success');
    }

    // A clean end.
    async close(code = 1000) {
        const payload = Buffer.alloc(2);
        payload.writeUInt16BE(code);
        this.send(OP.close, payload);
        await this.gone();
    }

    destroy() {
        this.socket.destroy();
    }
}

async function openSocket(server, { path = '/v1/ws', headers = {} } = {}) {
    const options = { host: '127.0.0.1', port: server.port };
    const socket = server.url.startsWith('https') ? tls.connect({ ...options, ca: server.ca }) : net.connect(options);
    socket.setNoDelay(true);
    return new WebSocket(socket).handshake(path, headers);
}

// Signed in as the client's user.
async function openSocketAs(server, client, options) {
    const socket = await openSocket(server, options);
    await socket.signIn(client.token);
    return socket;
}

module.exports = { openSocket, openSocketAs, frame, OP, HandshakeError };
