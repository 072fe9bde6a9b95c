// certificate.js - a key and a certificate for 127.0.0.1, signed by itself, made anew for each test by the openssl command.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

// Writes cert.pem and key.pem into `dir`; {cert, key} are their paths, `pem` is the certificate.
function makeCertificate(dir, name = 'test') {
    const cert = path.join(dir, `${name}-cert.pem`);
    const key = path.join(dir, `${name}-key.pem`);
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
        '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'pipe' });
    return { cert, key, pem: fs.readFileSync(cert, 'utf8') };
}

module.exports = { makeCertificate };
