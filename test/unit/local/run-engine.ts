/** Starts the engine on an assembly and prints the addresses of its servers; stops on a message. Runs as a process. */
import { startLocalEngine } from '../../../lib/local/engine.ts';

const [assemblyDir = '', stackName = '', then = ''] = process.argv.slice(2);
const engine = await startLocalEngine({ assemblyDir, stackName, port: 0 });
const servers = [engine.url, engine.clientConfig('sqs').endpoint, engine.clientConfig('dynamodb').endpoint];
process.stdout.write(`${JSON.stringify(servers)}\n`);
if (then === 'stop') await engine.stop();
