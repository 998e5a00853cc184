package org.modelopt.export.verify.report;

import java.util.Collection;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A report for programs. Keys are part of the contract; numbers that are not finite are null. */
final class ReportJson {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private ReportJson() {}

  static String render(VerifyReport report) {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("export", report.export().toString());
    consumers(root.putArray("consumers"), report.consumers());
    root.put("passed", report.passed());
    root.put("summary", report.summary());
    root.put("tensors_checked", report.tensorsChecked());
    root.put("quantized", report.quantized());
    ArrayNode findings = root.putArray("findings");
    for (Finding finding : report.findings()) {
      ObjectNode node = findings.addObject();
      node.put("severity", finding.severity().name());
      consumers(node.putArray("consumers"), finding.consumers());
      node.put("what", finding.what());
      finding.where().tensor().ifPresent(tensor -> node.put("tensor", tensor));
      finding.where().file().ifPresent(file -> node.put("file", file));
      node.put("expected", finding.expected());
      node.put("found", finding.found());
      node.put("why", finding.why());
      node.put("remedy", finding.remedy());
    }
    ArrayNode errors = root.putArray("errors");
    for (TensorError error : report.errors()) {
      ObjectNode node = errors.addObject();
      node.put("tensor", error.tensor());
      node.put("format", error.format());
      number(node, "relative", error.relative());
      number(node, "max", error.max());
      number(node, "sqnr_db", error.sqnrDecibel());
      number(node, "bound", error.bound());
    }
    return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(root);
  }

  private static void consumers(ArrayNode array, Collection<Consumer> consumers) {
    consumers.forEach(consumer -> array.add(consumer.id()));
  }

  private static void number(ObjectNode node, String key, double value) {
    if (Double.isFinite(value)) {
      node.put(key, value);
    } else {
      node.putNull(key);
    }
  }
}
