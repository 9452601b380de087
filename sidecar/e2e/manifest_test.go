package e2e_test

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// These are the fields of the Kubernetes API that the manifest uses, with their
// types: a misspelled or misplaced one is refused.
type (
	object struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
		Spec       yaml.Node
	}
	metadata struct {
		Name                string
		Labels, Annotations map[string]string
	}
	selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	deployment struct {
		Replicas int
		Selector selector
		Strategy struct {
			Type          string
			RollingUpdate struct {
				MaxSurge       int `yaml:"maxSurge"`
				MaxUnavailable int `yaml:"maxUnavailable"`
			} `yaml:"rollingUpdate"`
		}
		Template struct {
			Metadata metadata
			Spec     pod
		}
	}
	pod struct {
		AutomountServiceAccountToken  *bool `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
		TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
		SecurityContext               struct {
			RunAsNonRoot   bool  `yaml:"runAsNonRoot"`
			RunAsUser      int64 `yaml:"runAsUser"`
			RunAsGroup     int64 `yaml:"runAsGroup"`
			FSGroup        int64 `yaml:"fsGroup"`
			SeccompProfile struct {
				Type string
			} `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		Affinity struct {
			PodAntiAffinity struct {
				Preferred []struct {
					Weight          int
					PodAffinityTerm struct {
						TopologyKey   string   `yaml:"topologyKey"`
						LabelSelector selector `yaml:"labelSelector"`
					} `yaml:"podAffinityTerm"`
				} `yaml:"preferredDuringSchedulingIgnoredDuringExecution"`
			} `yaml:"podAntiAffinity"`
		}
		Containers []container
		Volumes    []struct {
			Name   string
			Secret struct {
				SecretName  string `yaml:"secretName"`
				DefaultMode int    `yaml:"defaultMode"`
				Items       []struct{ Key, Path string }
			}
		}
	}
	container struct {
		Name, Image string
		Args        []string
		Env         []struct {
			Name, Value string
			ValueFrom   struct {
				SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
			} `yaml:"valueFrom"`
		}
		Ports []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
		}
		LivenessProbe   probe `yaml:"livenessProbe"`
		ReadinessProbe  probe `yaml:"readinessProbe"`
		Resources       struct{ Requests, Limits map[string]string }
		SecurityContext struct {
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct{ Drop []string }
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	probe struct {
		HTTPGet          struct{ Path, Port string } `yaml:"httpGet"`
		PeriodSeconds    int                         `yaml:"periodSeconds"`
		TimeoutSeconds   int                         `yaml:"timeoutSeconds"`
		FailureThreshold int                         `yaml:"failureThreshold"`
	}
	service struct {
		Selector map[string]string
		Ports    []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
	}
	disruption struct {
		MinAvailable int `yaml:"minAvailable"`
		Selector     selector
	}
)

// manifest is what is in the file, of one piece.
type manifest struct {
	pod         pod
	container   container
	environment map[string]string // of a secret: "secret NAME/KEY"
	secretPath  string            // where the secret is mounted
	metricsPath string
}

// readManifest reads the file strictly, and checks that its parts fit together.
func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(content(t, manifestFile)))
	decoder.KnownFields(true)
	var d deployment
	var s service
	var b disruption
	into := map[string]any{"apps/v1 Deployment": &d, "v1 Service": &s, "policy/v1 PodDisruptionBudget": &b}
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kind := o.APIVersion + " " + o.Kind
		spec, ok := into[kind]
		if !ok {
			t.Fatalf("what is %q, or is it there twice?", kind)
		}
		delete(into, kind)
		strict(t, &o.Spec, spec)
		if o.Metadata.Name != "tasker-sidecar" {
			t.Errorf("the %s is called %q", o.Kind, o.Metadata.Name)
		}
	}
	if len(into) > 0 || len(d.Template.Spec.Containers) != 1 {
		t.Fatalf("missing: %v; %d containers", into, len(d.Template.Spec.Containers))
	}
	m.pod, m.container = d.Template.Spec, d.Template.Spec.Containers[0]
	m.checkSelectors(t, &d, &s, &b)
	m.checkPorts(t, &s, d.Template.Metadata.Annotations)
	m.checkSecurity(t)
	m.checkSecret(t)
	return m
}

// strict decodes a part; a node has no decoder of its own that is strict.
func strict(t *testing.T, node *yaml.Node, to any) {
	t.Helper()
	text, err := yaml.Marshal(node)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(to); err != nil {
		t.Fatal(err)
	}
}

func (m *manifest) checkSelectors(t *testing.T, d *deployment, s *service, b *disruption) {
	t.Helper()
	const label = "app.kubernetes.io/name"
	name := d.Template.Metadata.Labels[label]
	for what, selects := range map[string]map[string]string{
		"the Deployment": d.Selector.MatchLabels, "the Service": s.Selector, "the PodDisruptionBudget": b.Selector.MatchLabels,
		"the affinity": m.pod.Affinity.PodAntiAffinity.Preferred[0].PodAffinityTerm.LabelSelector.MatchLabels,
	} {
		if name == "" || len(selects) != 1 || selects[label] != name {
			t.Errorf("%s selects %v, the pods are %q", what, selects, name)
		}
	}
	if d.Replicas != 2 || b.MinAvailable != 1 || d.Strategy.RollingUpdate.MaxSurge != 0 || d.Strategy.RollingUpdate.MaxUnavailable != 1 {
		t.Errorf("one of two is to stay, and there is no third slot: %+v", d.Strategy)
	}
}

// checkPorts: probes and the Service go where the program listens.
func (m *manifest) checkPorts(t *testing.T, s *service, annotations map[string]string) {
	t.Helper()
	m.environment = map[string]string{}
	for _, e := range m.container.Env {
		m.environment[e.Name] = e.Value
		if ref := e.ValueFrom.SecretKeyRef; ref.Name != "" {
			m.environment[e.Name] = "secret " + ref.Name + "/" + ref.Key
		}
	}
	ports := map[string]string{}
	for _, p := range m.container.Ports {
		ports[p.Name] = strconv.Itoa(p.ContainerPort)
	}
	for variable, port := range map[string]string{
		"TASKER_SIDECAR_HTTP__LISTEN":       s.Ports[0].TargetPort,
		"TASKER_SIDECAR_HTTP__PROBE_LISTEN": m.container.LivenessProbe.HTTPGet.Port,
	} {
		if want := "0.0.0.0:" + ports[port]; m.environment[variable] != want {
			t.Errorf("%s is %s, and %s is asked", variable, m.environment[variable], want)
		}
	}
	if m.container.ReadinessProbe.HTTPGet.Port != m.container.LivenessProbe.HTTPGet.Port || annotations["prometheus.io/port"] != ports["probes"] {
		t.Error("probes and scrapes go to different ports")
	}
	m.metricsPath = annotations["prometheus.io/path"]
}

func (m *manifest) checkSecurity(t *testing.T) {
	t.Helper()
	p, c := m.pod.SecurityContext, m.container.SecurityContext
	if !p.RunAsNonRoot || p.RunAsUser != 65532 || p.RunAsGroup != 65532 || p.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("the pod's: %+v", p)
	}
	if c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation || !c.ReadOnlyRootFilesystem || len(c.Capabilities.Drop) != 1 || c.Capabilities.Drop[0] != "ALL" {
		t.Errorf("the container's: %+v", c)
	}
	if m.pod.AutomountServiceAccountToken == nil || *m.pod.AutomountServiceAccountToken {
		t.Error("it is given a token of the cluster, which it has no use for")
	}
}

// checkSecret: the file that is named is mounted, and its owner may read it.
func (m *manifest) checkSecret(t *testing.T) {
	t.Helper()
	mount, volume := m.container.VolumeMounts[0], m.pod.Volumes[0]
	m.secretPath = mount.MountPath
	if mount.Name != volume.Name || !mount.ReadOnly || volume.Secret.SecretName != "tasker-sidecar" || volume.Secret.DefaultMode != 0o440 ||
		m.pod.SecurityContext.FSGroup != m.pod.SecurityContext.RunAsGroup {
		t.Errorf("%+v, %+v", mount, volume)
	}
	if file := m.environment["TASKER_SIDECAR_DATABASE__URL_FILE"]; file != mount.MountPath+"/"+volume.Secret.Items[0].Path {
		t.Errorf("%s is not mounted", file)
	}
}

// bytesOf reads a size as Kubernetes or the program writes it.
func bytesOf(t *testing.T, text string) int64 {
	t.Helper()
	number := strings.TrimRight(text, "KMGiB")
	n, err := strconv.ParseInt(number, 10, 64)
	shift, ok := map[string]int{"": 0, "Ki": 10, "Mi": 20, "Gi": 30}[strings.TrimSuffix(text[len(number):], "B")]
	if err != nil || !ok {
		t.Fatalf("%q is not a size", text)
	}
	return n << shift
}
