package org.facesdk.demo;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.view.ViewGroup;
import android.view.accessibility.AccessibilityNodeInfo;
import android.widget.Toast;

/** Four tabs: live, verify, people, speed. */
public final class MainActivity extends Activity {
    private static final int[] TABS = {
        R.id.tab_live, R.id.tab_verify, R.id.tab_people, R.id.tab_bench
    };
    private static final String TAB = "tab";
    private static final String SCREEN = "screen";
    private static final int REQUESTS_OF_A_SCREEN = 16;
    private static final int CAMERA_REQUEST = 1;

    private final Bundle[] states = new Bundle[TABS.length];
    private Screen[] screens;
    private int selected;
    private boolean resumed;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.activity_main);
        screens =
                new Screen[] {
                    new LiveScreen(this),
                    new VerifyScreen(this),
                    new PeopleScreen(this),
                    new BenchScreen(this)
                };
        for (int i = 0; i < TABS.length; ++i) {
            Bundle state = saved == null ? null : saved.getBundle(SCREEN + i);
            states[i] = state == null ? new Bundle() : state;
            int tab = i;
            View view = findViewById(TABS[i]);
            view.setOnClickListener(clicked -> select(tab));
            view.setAccessibilityDelegate(new TabDelegate());
        }
        select(saved == null ? 0 : saved.getInt(TAB));
    }

    /** Shows a tab. */
    void select(int tab) {
        screens[selected].setShown(false);
        selected = tab;
        for (int i = 0; i < TABS.length; ++i) {
            findViewById(TABS[i]).setSelected(i == tab);
        }
        ViewGroup stage = (ViewGroup) findViewById(R.id.stage);
        stage.removeAllViews();
        stage.addView(screens[tab].view(stage, states[tab]));
        screens[tab].setShown(resumed);
    }

    Screen screen(int tab) {
        return screens[tab];
    }

    @Override
    protected void onResume() {
        super.onResume();
        resumed = true;
        screens[selected].setShown(true);
    }

    @Override
    protected void onPause() {
        resumed = false;
        screens[selected].setShown(false);
        super.onPause();
    }

    @Override
    protected void onDestroy() {
        for (Screen screen : screens) {
            screen.destroyed();
        }
        super.onDestroy();
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        out.putInt(TAB, selected);
        for (int i = 0; i < screens.length; ++i) {
            if (screens[i].made()) {
                states[i].clear();
                screens[i].save(states[i]);
            }
            out.putBundle(SCREEN + i, states[i]);
        }
    }

    void askForCamera() {
        requestPermissions(new String[] {android.Manifest.permission.CAMERA}, CAMERA_REQUEST);
    }

    @Override
    public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
        super.onRequestPermissionsResult(request, permissions, results);
        if (results.length > 0) { // a request that was cancelled has none
            screens[selected].permissionAnswered();
        }
    }

    void pick(Intent intent, int request) {
        try {
            startActivityForResult(intent, selected * REQUESTS_OF_A_SCREEN + request);
        } catch (ActivityNotFoundException error) {
            say(getString(R.string.picture_unreadable));
        }
    }

    @Override
    protected void onActivityResult(int request, int result, Intent data) {
        super.onActivityResult(request, result, data);
        Uri picture = data == null ? null : data.getData();
        if (result == RESULT_OK && picture != null) {
            keepAccess(picture);
            screens[request / REQUESTS_OF_A_SCREEN].picked(request % REQUESTS_OF_A_SCREEN, picture);
        }
    }

    /** So that a picture can be read again when the process was ended in between. */
    private void keepAccess(Uri picture) {
        try {
            getContentResolver()
                    .takePersistableUriPermission(picture, Intent.FLAG_GRANT_READ_URI_PERMISSION);
        } catch (SecurityException error) {
            // its provider lends pictures only until the process ends
        }
    }

    void say(String sentence) {
        Toast.makeText(this, sentence, Toast.LENGTH_LONG).show();
    }

    /** Screen readers call a tab selected, and a button. */
    private static final class TabDelegate extends View.AccessibilityDelegate {
        @Override
        public void onInitializeAccessibilityNodeInfo(View host, AccessibilityNodeInfo info) {
            super.onInitializeAccessibilityNodeInfo(host, info);
            info.setSelected(host.isSelected());
            info.setClassName("android.widget.TabWidget");
        }
    }
}
