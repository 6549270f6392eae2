import java.util.Arrays;
import java.util.List;
import java.util.concurrent.SynchronousQueue;
import org.apache.kafka.common.utils.internals.Exit;

/** Kafka's command line tools, one after the other in one Java: their arguments, with `--then` between two; a line `==` behind each. */
public class Tools {
    public static void main(String[] arguments) throws Exception {
        SynchronousQueue<Integer> ended = new SynchronousQueue<>();
        Exit.setExitProcedure((status, message) -> {
            try {
                ended.put(status);
                Thread.sleep(Long.MAX_VALUE); // nothing of a tool may go on where its Java would have ended
            } catch (InterruptedException ignored) { }
        });
        List<String> left = Arrays.asList(arguments);
        while (!left.isEmpty()) {
            int end = left.contains("--then") ? left.indexOf("--then") : left.size();
            String[] own = left.subList(1, end).toArray(new String[0]);
            var main = Class.forName("org.apache.kafka.tools." + left.get(0)).getMethod("main", String[].class);
            Thread tool = new Thread(() -> {
                try {
                    main.invoke(null, (Object) own);
                    ended.put(0);
                } catch (Exception error) {
                    error.printStackTrace();
                    Runtime.getRuntime().halt(1);
                }
            });
            tool.setDaemon(true);
            tool.start();
            int status = ended.take();
            if (status != 0) Runtime.getRuntime().halt(status);
            System.out.println("==");
            left = left.subList(Math.min(end + 1, left.size()), left.size());
        }
        Runtime.getRuntime().halt(0);
    }
}
