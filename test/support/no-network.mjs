// Preload (`node --import`): any attempt to reach another machine, or to listen, ends the process with a line on stderr.
// Taken at the bindings everything goes through, so that no module, native wrapper or already taken reference gets by.
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const net = require('node:net');
const dgram = require('node:dgram');
const dns = require('node:dns');
const tls = require('node:tls');
const http = require('node:http');
const https = require('node:https');
const http2 = require('node:http2');

// `--import file:///…/no-network.mjs?log=FILE`: the query reaches the engine process too, whose environment is a short list.
const log = new URL(import.meta.url).searchParams.get('log');
const note = (what) => log && appendFileSync(log, `${process.pid} ${what}\n`);
note('watching');

const trap = (what) => () => {
  note(`ATTEMPT ${what}\n${new Error().stack}`);
  throw new Error(`network attempt: ${what}`);
};

// A pipe to the parent (IPC) and stdio have a path or descriptor, never a host or port.
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (typeof options === 'object' && options !== null && typeof options.path === 'string') {
    return connect.apply(this, args);
  }
  return trap(`net.Socket.connect ${JSON.stringify(options)}`)();
};
net.Server.prototype.listen = trap('net.Server.listen');
dgram.createSocket = trap('dgram.createSocket');
dgram.Socket.prototype.bind = trap('dgram bind');
dgram.Socket.prototype.send = trap('dgram send');
for (const module of [dns, dns.promises]) {
  for (const name of Object.keys(module)) {
    if (typeof module[name] === 'function' && /^(lookup|resolve|reverse)/.test(name))
      module[name] = trap(`dns.${name}`);
  }
}
tls.connect = trap('tls.connect');
http.request = http.get = trap('http.request');
https.request = https.get = trap('https.request');
http2.connect = trap('http2.connect');
globalThis.fetch = trap('fetch');
globalThis.WebSocket = function WebSocket() {
  trap('WebSocket')();
};
