# frozen_string_literal: true

# A Rails application's side of the database, as the test wants it: reads one
# JSON document, {"database": {...}, "steps": [...]}, does one step after the
# other on one connection, and prints a JSON array with what each of them gave.
#
# Everything is asked as the engine asks: plain values as binds, arrays as text.

require "active_record"
require "json"
require "stringio"
require "tempfile"
require "time"

# The engine's model of the view.
class StepDagRelationship < ActiveRecord::Base
  self.table_name = "tasker_step_dag_relationships"
  self.primary_key = "workflow_step_id"
end

# Values as PostgreSQL writes them, so that they can be compared with those of
# any other client.
def text(value)
  case value
  when nil then nil
  when true then "t"
  when false then "f"
  when Time
    micros = value.usec.zero? ? "" : format(".%06d", value.usec).sub(/0+\z/, "")
    value.strftime("%Y-%m-%d %H:%M:%S") + micros
  when BigDecimal then value.to_s("F")
  when Array, Hash then JSON.generate(value)
  else value.to_s
  end
end

def rows(result)
  { columns: result.columns, rows: result.rows.map { |row| row.map { |value| text(value) } } }
end

def connection
  ActiveRecord::Base.connection
end

# The engine's wrappers use select_all; where the application prepares
# statements, exec_query makes this one of them.
def ask(step)
  sql = step["ask"]
  binds = step["binds"].map { |bind| bind.is_a?(Hash) ? Time.iso8601(bind["time"]) : bind }
  if connection.prepared_statements
    connection.exec_query(sql, "Asked", binds, prepare: true)
  else
    connection.select_all(sql, "Asked", binds)
  end
end

def view(step)
  columns = StepDagRelationship.column_names
  found = StepDagRelationship.where(step["view"]).order(:workflow_step_id)
  { columns: columns, rows: found.map { |row| columns.map { |name| text(row[name]) } } }
end

def dump_schema
  out = StringIO.new
  ActiveRecord::SchemaDumper.dump(connection, out)
  out.string
end

def dump_structure
  Tempfile.create("structure") do |file|
    settings = ActiveRecord::Base.connection_db_config
    ActiveRecord::Tasks::PostgreSQLDatabaseTasks.new(settings).structure_dump(file.path, nil)
    File.read(file.path)
  end
end

def transaction(step)
  given = nil
  ActiveRecord::Base.transaction(**step.fetch("options", {}).transform_keys(&:to_sym).transform_values(&:to_sym)) do
    given = step["transaction"].map { |inner| take(inner) }
    raise ActiveRecord::Rollback
  end
  given
end

def take(step)
  case
  when step.key?("ask") then rows(ask(step))
  when step.key?("view") then view(step)
  when step.key?("execute") then connection.execute(step["execute"]) && nil
  when step.key?("search_path") then connection.schema_search_path = step["search_path"]
  when step.key?("transaction") then transaction(step)
  when step.key?("dump") then step["dump"] == "structure" ? dump_structure : dump_schema
  when step.key?("version") then ActiveRecord.version.to_s
  else raise "what is #{step}?"
  end
end

plan = JSON.parse($stdin.read)
ActiveRecord::Base.establish_connection(plan["database"])
answers = plan["steps"].map { |step| take(step) }
ActiveRecord::Base.remove_connection
puts JSON.generate(answers)
