# The libraries are Debian's, already on the load path; what is not packaged stands beside this file.
module Bundler
  def self.require(*)
    Kernel.require 'rabbitmq/http/client'
    Kernel.require 'toxiproxy'
  end
end
