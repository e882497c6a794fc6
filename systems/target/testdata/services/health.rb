#!/usr/bin/env ruby
# The health service that comes with gRPC for Ruby: health.rb HOST:PORT, with Debian's ruby-grpc.
require 'grpc'
require 'grpc/health/checker'

health = Grpc::Health::Checker.new
health.add_status('', Grpc::Health::V1::HealthCheckResponse::ServingStatus::SERVING) # the server as a whole
health.add_status('shop', Grpc::Health::V1::HealthCheckResponse::ServingStatus::SERVING)
server = GRPC::RpcServer.new
port = server.add_http2_port(ARGV[0], :this_port_is_insecure)
server.handle(health)
puts "listening at #{ARGV[0].rpartition(':').first}:#{port}"
$stdout.flush
server.run_till_terminated
