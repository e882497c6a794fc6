// What k6 is told: one unary call an iteration. Each user has a connection.
import grpc from 'k6/net/grpc';

const rate = Number(__ENV.RATE);
const duration = `${__ENV.LENGTH}ms`;
const users = Number(__ENV.USERS);
const request = JSON.parse(__ENV.PAYLOAD);
const client = new grpc.Client();
let connected = false;

export const options = {
  summaryTrendStats: ['count', 'avg'],
  scenarios: {
    calls: rate
      ? { executor: 'constant-arrival-rate', rate, timeUnit: '1s', duration, preAllocatedVUs: users }
      : { executor: 'constant-vus', vus: users, duration },
  },
};

export default function () {
  if (!connected) {
    client.connect(__ENV.ADDRESS, { plaintext: true, reflect: true });
    connected = true;
  }
  client.invoke(__ENV.METHOD, request);
}

export function handleSummary(data) {
  const took = data.metrics.grpc_req_duration.values;
  return { stdout: `calls ${took.count}\nmean ${took.avg}ms\n` };
}
