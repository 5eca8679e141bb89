// The little of Node.js that client.ts needs.
declare const process: { argv: string[] };
